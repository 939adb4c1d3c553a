// SPDX-License-Identifier: Apache-2.0

// Many mixed calls by @grpc/grpc-js: unary calls checked by their answers, server and bidirectional streams, calls
// cancelled on the way and calls with a deadline too short. Any answer that is wrong, or any failure that was not asked
// for, ends the program with exit code 1.
// Usage: node mixed.cjs --endpoint HOST:PORT --protos DIRECTORY [--ca FILE] [--calls 10000] [--workers 32]
'use strict';

const fs = require('node:fs');
const { parseArgs } = require('node:util');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const { values: options } = parseArgs({
  options: {
    endpoint: { type: 'string', default: '127.0.0.1:2379' },
    protos: { type: 'string' },
    ca: { type: 'string' },
    calls: { type: 'string', default: '10000' },
    workers: { type: 'string', default: '32' },
    connections: { type: 'string', default: '4' },
  },
});

function load(file) {
  const definition = loader.loadSync(file, { includeDirs: [options.protos], keepCase: true, longs: String, oneofs: true });
  return grpc.loadPackageDefinition(definition);
}

const etcd = load('etcd/kv.proto').etcdserverpb;
const health = load('grpc/health.proto').grpc.health.v1;
const reflection = load('grpc/reflection_v1.proto').grpc.reflection.v1;
const { OK, CANCELLED, DEADLINE_EXCEEDED, UNIMPLEMENTED } = grpc.status;

// A small generator with a seed, so that a run can be repeated.
function generator(seed) {
  let state = seed + 1;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

function unary(client, method, request, { deadline = 60_000, cancelAfter } = {}) {
  return new Promise((resolve, reject) => {
    const call = client[method](request, { deadline: Date.now() + deadline }, (error, response) =>
      error ? reject(error) : resolve(response));
    if (cancelAfter !== undefined) setTimeout(() => call.cancel(), cancelAfter);
  });
}

function expect(condition, text) {
  if (!condition) throw new Error(text);
}

async function allowed(promise, codes) {
  let code = OK;
  let details = '';
  try {
    await promise;
  } catch (error) {
    ({ code, details } = error);
  }
  expect(codes.includes(code), `code ${code}: ${details}`);
}

class Worker {
  constructor(number, clients) {
    this.number = number;
    this.draw = generator(number);
    this.clients = clients;
    this.version = 0;
    this.counts = {};
    this.key = Buffer.from(`mixed/node/${number}`);
  }

  value() {
    return Buffer.from(`${this.number}-${this.version}`);
  }

  async put() {
    this.version += 1;
    await unary(this.clients.kv, 'Put', { key: this.key, value: this.value() });
  }

  async range() {
    const response = await unary(this.clients.kv, 'Range', { key: this.key });
    if (this.version === 0) return;
    expect(response.kvs.length === 1 && response.kvs[0].value.equals(this.value()), 'a read is not the last write');
  }

  async txn() {
    const compare = { key: this.key, target: 'VALUE', result: 'EQUAL', value: this.value() };
    const known = this.version > 0;
    this.version += 1;
    const put = { request_put: { key: this.key, value: this.value() } };
    const request = { compare: [compare], success: [put], failure: [put] };
    const response = await unary(this.clients.kv, 'Txn', request);
    expect(response.succeeded || !known, 'a compare with the value last written was false');
  }

  async health() {
    const response = await unary(this.clients.health, 'Check', {});
    expect(response.status === 'SERVING' || response.status === 1, `status ${response.status}`);
  }

  // Opens a server stream, takes its first message, and cancels it.
  watch_stream() {
    return new Promise((resolve, reject) => {
      const call = this.clients.health.Watch({});
      let seen = 0;
      call.on('data', () => {
        seen += 1;
        call.cancel();
      });
      call.on('error', (error) => (error.code === CANCELLED && seen > 0 ? resolve() : reject(error)));
      call.on('end', () => (seen > 0 ? undefined : reject(new Error('ended before the first message'))));
    });
  }

  // Exchanges some messages over a bidirectional stream and closes it in order.
  reflection_stream() {
    return new Promise((resolve, reject) => {
      const rounds = 1 + this.draw(3);
      let seen = 0;
      const call = this.clients.reflection.ServerReflectionInfo();
      call.on('data', (response) => {
        expect(response.list_services_response.service.length > 0, 'no services');
        seen += 1;
        if (seen === rounds) call.end();
        else call.write({ list_services: '' });
      });
      call.on('error', reject);
      call.on('end', () => (seen === rounds ? resolve() : reject(new Error(`${seen} answers of ${rounds}`))));
      call.write({ list_services: '' });
    });
  }

  read(settings) {
    return unary(this.clients.kv, 'Range', { key: Buffer.from('mixed/'), range_end: Buffer.from('mixed0'), limit: 100 }, settings);
  }

  cancelled() {
    return allowed(this.read({ cancelAfter: this.draw(3) }), [OK, CANCELLED]);
  }

  deadline() {
    return allowed(this.read({ deadline: 1 + this.draw(3) }), [OK, DEADLINE_EXCEEDED]);
  }

  unknown_method() {
    const same = (bytes) => bytes;
    const call = new Promise((resolve, reject) => {
      this.clients.kv.makeUnaryRequest('/etcdserverpb.KV/NoSuchMethod', same, same, Buffer.alloc(0), (error, response) =>
        error ? reject(error) : resolve(response));
    });
    return allowed(call, [UNIMPLEMENTED]);
  }

  async one() {
    let draw = this.draw(100);
    for (const [kind, weight] of KINDS) {
      draw -= weight;
      if (draw < 0) {
        try {
          await this[kind]();
        } catch (error) {
          error.message = `worker ${this.number}, ${kind}: ${error.message}`;
          throw error;
        }
        this.counts[kind] = (this.counts[kind] ?? 0) + 1;
        return;
      }
    }
  }
}

const KINDS = [
  ['put', 30], ['range', 30], ['txn', 10], ['health', 5], ['watch_stream', 5], ['reflection_stream', 5],
  ['cancelled', 8], ['deadline', 5], ['unknown_method', 2],
];

async function main() {
  const credentials = options.ca
    ? grpc.credentials.createSsl(fs.readFileSync(options.ca))
    : grpc.credentials.createInsecure();
  const connect = (number) => {
    const settings = { 'grpc.use_local_subchannel_pool': 1, 'tricord.connection': number };
    return {
      kv: new etcd.KV(options.endpoint, credentials, settings),
      health: new health.Health(options.endpoint, credentials, settings),
      reflection: new reflection.ServerReflection(options.endpoint, credentials, settings),
    };
  };
  const clients = Array.from({ length: Number(options.connections) }, (_, number) => connect(number));
  const count = Number(options.workers);
  const calls = Number(options.calls);
  const workers = Array.from({ length: count }, (_, number) => new Worker(number, clients[number % clients.length]));
  await Promise.all(workers.map(async (worker) => {
    const share = Math.floor(calls / count) + (worker.number < calls % count ? 1 : 0);
    for (let i = 0; i < share; i += 1) await worker.one();
  }));
  const totals = {};
  for (const worker of workers) {
    for (const [kind, number] of Object.entries(worker.counts)) totals[kind] = (totals[kind] ?? 0) + number;
  }
  console.log(JSON.stringify(totals));
  for (const group of clients) Object.values(group).forEach((client) => client.close());
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
