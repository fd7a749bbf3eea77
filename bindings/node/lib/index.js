'use strict';

const { Client } = require('./client');
const { RemoteFile } = require('./file');
const { RemofileError } = require('./errors');
const { Server, generateToken, generateKeys } = require('./server');
const { version } = require('./native');

module.exports.Client = Client;
module.exports.RemoteFile = RemoteFile;
module.exports.RemofileError = RemofileError;
module.exports.Server = Server;
module.exports.generateToken = generateToken;
module.exports.generateKeys = generateKeys;
module.exports.version = version;
