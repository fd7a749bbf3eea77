//! The commands of rsync, scp, rclone, lftp, croc and the like that are others here.

use super::answer::{Answer, anywhere};

pub(super) const COMMANDS: &[Answer] = &[
    anywhere(
        &["mirror", "rsync", "bisync", "backup"],
        "'remofile sync DIRECTORY :/DIRECTORY' makes the remote one like the local one, and 'remofile sync :/DIRECTORY \
         DIRECTORY' the local one like the remote one",
    ),
    anywhere(
        &["mput", "reput", "append", "send", "push", "up", "croc"],
        "'remofile upload FILE... :/DIRECTORY' sends any number of files",
    ),
    anywhere(
        &["mget", "reget", "recv", "receive", "fetch", "pget", "pull", "wget", "curl", "down"],
        "'remofile download :/FILE... DIRECTORY' fetches any number of files",
    ),
    anywhere(
        &["scp", "copyto", "copyfile", "duplicate"],
        "'remofile upload FILE :/DIRECTORY' sends, 'remofile download :/FILE DIRECTORY' fetches, and 'remofile copy :/FILE :/COPY' \
         copies at the server",
    ),
    anywhere(
        &[
            "open",
            "connect",
            "user",
            "account",
            "auth",
            "config",
            "configure",
            "setup",
            "init",
            "add",
            "remote",
            "rclone",
            "alias",
        ],
        "'remofile login NAME HOST' keeps a server and its token as a profile, and 'remofile list NAME:/' asks it",
    ),
    anywhere(
        &["close", "disconnect", "quit", "exit", "bye", "abort"],
        "there is nothing to leave, since each command connects, does its work and ends",
    ),
    anywhere(
        &["cd", "cdup", "chdir", "pwd", "sftp", "ftp", "lftp", "shell", "ssh"],
        "there is no session and no current directory; paths are written in full, as in 'remofile list :/DIRECTORY'",
    ),
    anywhere(&["lcd", "lpwd", "lls", "!"], "the local directory is that of your shell"),
    anywhere(
        &["dir", "ll", "la", "nlist", "mls", "mdir", "cls", "lsjson"],
        "'remofile list -l :/DIRECTORY' lists, with '--json' for scripts",
    ),
    anywhere(&["lsl"], "'remofile list -lR :/DIRECTORY' lists all that is below it, with sizes and times"),
    anywhere(&["lsf"], "'remofile list -F :/DIRECTORY' lists, a name a line, directories with a slash"),
    anywhere(&["lsd"], "'remofile tree -d -L 1 :/DIRECTORY' shows directories alone"),
    anywhere(&["rename", "ren", "moveto", "mmv"], "'remofile move :/OLD :/NEW' renames"),
    anywhere(
        &["delete", "del", "dele", "erase", "mdelete", "mrm", "unlink", "deletefile"],
        "'remofile remove :/PATH...' removes",
    ),
    anywhere(
        &["rmdir", "rmdirs", "rd", "purge", "mrmdir", "rb"],
        "'remofile remove :/DIRECTORY' removes an empty one, and '-r' one with its contents",
    ),
    anywhere(
        &["md", "mkd", "mkdirs", "makedirs", "mb"],
        "'remofile directory :/DIRECTORY' makes one, with '-p' and its parents",
    ),
    anywhere(&["chmod"], "permissions travel with the file: 'remofile upload --preserve-mode FILE'"),
    anywhere(&["chown", "chgrp"], "owners and groups travel with the file: 'remofile upload --owner FILE'"),
    anywhere(&["ln", "symlink", "link"], "links travel with a directory: 'remofile upload -r --links copy DIRECTORY'"),
    anywhere(&["modtime", "exists", "test", "info"], "'remofile stat :/PATH' shows what is known of it"),
    anywhere(
        &["size"],
        "'remofile du -s :/DIRECTORY' tells how many bytes are in it, and 'remofile stat :/FILE' those of a file",
    ),
    anywhere(&["about", "free", "quota", "statvfs"], "'remofile df' shows the room of the disk, or of your quota"),
    anywhere(
        &[
            "sha256sum",
            "sha1sum",
            "sha512sum",
            "md5sum",
            "b2sum",
            "b3sum",
            "xxhsum",
            "shasum",
            "hashsum",
            "cksum",
            "sum",
            "checksum",
            "digest",
        ],
        "'remofile hash -a sha256 :/FILE...' prints hashes as sha256sum does, '-a md5' as md5sum does, and '--check FILE' \
         checks a list of them",
    ),
    anywhere(
        &["check", "cryptcheck", "checksums", "verify", "diff", "cmp", "compare"],
        "'remofile sync -nc DIRECTORY :/DIRECTORY' shows what differs, and 'remofile hash --check FILE :/DIRECTORY' checks a \
         list of hashes",
    ),
    anywhere(
        &["dedupe", "fdupes"],
        "'remofile hash -r :/DIRECTORY' prints a hash for each file, by which those that are the same are found",
    ),
    anywhere(
        &["rcat", "tee", "write", "pipe"],
        "'remofile upload --name NAME - :/DIRECTORY' makes a file of standard input",
    ),
    anywhere(
        &["copyurl", "import"],
        "'curl URL | remofile upload --name NAME - :/DIRECTORY' keeps what another server has",
    ),
    anywhere(
        &["mount", "umount", "nfsmount", "sshfs", "fuse"],
        "there is no mount; 'remofile sync :/DIRECTORY DIRECTORY' makes a copy, and 'remofile edit :/FILE' changes one file",
    ),
    anywhere(
        &["listremotes", "profiles", "remotes", "servers"],
        "the profiles are in the configuration file, which 'remofile login NAME HOST' writes",
    ),
    anywhere(&["obscure", "password", "passwd"], "'remofile login NAME HOST' keeps the token, for your eyes alone"),
    anywhere(
        &["cleanup", "prune", "gc"],
        "'remofile partials --clear' removes what interrupted uploads have left at the server",
    ),
    anywhere(
        &["completion", "genautocomplete", "autocomplete", "complete"],
        "'remofile completions SHELL' prints the script for bash, zsh, fish, elvish or powershell",
    ),
    anywhere(&["grep", "rg", "wc", "awk", "sed", "sort", "jq"], "'remofile cat :/FILE' prints it for other programs"),
    anywhere(
        &["tar", "zip", "untar", "unzip", "gzip"],
        "directories need no archive; 'remofile upload -r DIRECTORY' sends one, and '-z' compresses on the way",
    ),
    anywhere(
        &["logout", "forget"],
        "a profile is forgotten when it is removed from the configuration file, which 'remofile login NAME HOST' writes",
    ),
    anywhere(&["selfupdate", "upgrade", "update"], "the program is updated in the way in which it was installed"),
    anywhere(&["service", "systemd", "install"], "'remofile start DIRECTORY' serves one in the background"),
    anywhere(&["less", "more", "view", "type", "print", "page"], "'remofile cat :/FILE' prints it"),
    anywhere(&["head"], "'remofile cat --length BYTES :/FILE' prints its beginning"),
    anywhere(
        &["aws", "s3", "s3api", "mc", "backend"],
        "what to do is the first word: 'remofile copy FILE :/DIRECTORY', 'remofile list :/DIRECTORY'",
    ),
    anywhere(
        &["presign", "publiclink"],
        "'remofile token add NAME --rights read --below DIRECTORY --expires TIME' lets others fetch what is there",
    ),
    anywhere(&["relay", "proxy"], "clients reach the server themselves: 'remofile run DIRECTORY' serves one"),
    anywhere(&["glob", "mfind"], "patterns are taken everywhere, in quotation marks: 'remofile list :/PATTERN'"),
    anywhere(&["tail", "watch", "follow"], "'remofile cat --tail BYTES :/FILE' prints its end, and '-f' what is added"),
    anywhere(&["vi", "vim", "nano", "emacs"], "'remofile edit :/FILE' opens it in your editor"),
    anywhere(&["ncdu", "usage"], "'remofile du -h :/DIRECTORY' tells how much is in it, and in each directory below"),
    anywhere(
        &["ping", "check-connection", "whoami", "who"],
        "'remofile status' tells whether the server answers, and who uses it",
    ),
    anywhere(
        &["serve", "server", "share", "daemon", "listen"],
        "'remofile run DIRECTORY' serves one, 'remofile start DIRECTORY' in the background",
    ),
    anywhere(&["restart", "reload"], "'remofile stop' ends a server, and 'remofile start DIRECTORY' starts one"),
    anywhere(
        &["token-generate", "generate", "keygen", "genkey", "gen-token"],
        "'remofile generate-token' prints a token, 'remofile generate-keys' keys",
    ),
    anywhere(
        &["binary", "bin", "ascii", "image", "passive", "prompt", "hash-marks", "tenex", "cr"],
        "there are no modes: files arrive as they are",
    ),
    anywhere(&["resume", "continue"], "the same command again goes on where it was interrupted"),
    anywhere(
        &["restore"],
        "'remofile download -a :/DIRECTORY' brings back what 'remofile upload -a' has sent; and after an interruption the same \
         command again goes on",
    ),
    anywhere(
        &["queue", "jobs", "kill", "parallel"],
        "'--transfers NUM' transfers several files at once, and Ctrl-C ends a command",
    ),
    anywhere(&["version"], "'remofile --version' tells it, and 'remofile status' that of the server"),
];

pub(super) const TOKEN_COMMANDS: &[Answer] = &[
    anywhere(&["create", "new", "make"], "'remofile token add NAME' makes a token"),
    anywhere(&["rm", "delete", "del", "revoke"], "'remofile token remove NAME' takes a token back"),
    anywhere(&["ls", "show"], "'remofile token list' shows the tokens"),
    anywhere(&["renew", "change", "replace"], "'remofile token rotate NAME' gives a new token for the same name"),
];
