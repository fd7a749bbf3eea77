// What tsc is to accept, and what it is to refuse.
import { Client, Server, RemofileError, version } from 'remofile';

export async function accepted(): Promise<void> {
  const server = await Server.start({ root: '/tmp' });
  const client = await Client.connect({ hostname: 'localhost', port: server.port, token: server.token, wait: Infinity });
  const text: string = await client.readFile('/file', { encoding: 'utf8' });
  const bytes: Buffer = await client.readFile('/file');
  const report = await client.upload(['a', 'b'], '/', {
    recursive: true,
    onEvent: ({ kind, bytes }) => kind !== 'moved' || bytes !== undefined,
    resolve: ({ existing, replacement }) => (existing.size < replacement.size ? 'replace' : 'skip'),
    signal: AbortSignal.timeout(1000),
  });
  const file = await client.open('/file', 'r+');
  await file.write(text + version, { position: bytes.length });
  client.createReadStream('/file', { start: 1, end: 2 }).pipe(client.createWriteStream('/copy'));
  const hashes: Map<string, string> = await client.hashes('/', { algorithm: 'blake3' });
  const [holder] = await client.holders();
  console.log(hashes.size, holder.address?.length, (await client.diskSpace()).freeFiles ?? 0);
  console.log(report.files, new RemofileError('').code);
}

export async function refused(client: Client): Promise<void> {
  // @ts-expect-error there is no such option
  await client.upload('a', '/', { delete: true });
  // @ts-expect-error there is no such rule
  await client.upload('a', '/', { onConflict: 'ask' });
  // @ts-expect-error there is no such mode
  await client.open('/file', 'rw');
  // @ts-expect-error there is no such algorithm
  await client.hash('/file', { algorithm: 'crc32' });
  // @ts-expect-error the token is missing
  await Client.connect({});
}
