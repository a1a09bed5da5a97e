// The same output under every allocator: buffers, compression, JSON, worker threads.
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { createHash } = require('crypto');
const zlib = require('zlib');

function digest(seed) {
  const hash = createHash('sha256');
  const rows = [];
  for (let k = 0; k < 20000; k++) rows.push({ id: k, name: `row ${k * seed}`, tags: [k % 7, k % 11] });
  const text = JSON.stringify(rows);
  hash.update(zlib.brotliCompressSync(text, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }));
  hash.update(zlib.deflateSync(text));
  hash.update(String(JSON.parse(text).length));
  const buffers = [];
  for (let size = 1; size < 3000000; size += 90001) buffers.push(Buffer.alloc(size, size % 251));
  hash.update(Buffer.concat(buffers));
  const table = new Map();
  for (let k = 0; k < 200000; k++) table.set(`key${(k * seed) % 50021}`, { k });
  hash.update(String(table.size));
  return hash.digest('hex');
}

if (isMainThread) {
  const workers = [1, 2, 3, 4].map((seed) => new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: seed });
    worker.once('message', resolve);
    worker.once('error', reject);
  }));
  Promise.all(workers).then((found) => {
    console.log(found.join('\n'));
    console.log(found.every((text, index) => text === digest(index + 1)));
  });
} else {
  parentPort.postMessage(digest(workerData));
}
