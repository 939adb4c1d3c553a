// SPDX-License-Identifier: Apache-2.0

// A story of npm's etcd3: watchers, leases, locks, elections, transactions in software. Prints what it saw, without ids
// and times, so that two servers that behave alike print the same. Anything that fails unasked ends it with exit code 1.
// Usage: node coordination.cjs HOST:PORT
'use strict';

const { Etcd3, EtcdLockFailedError, EtcdLeaseInvalidError } = require('etcd3');

const client = new Etcd3({ hosts: `http://${process.argv[2]}`, dialTimeout: 5_000 });
const room = client.namespace('npm/');

function say(...values) {
  console.log(values.join(' '));
}

// The next `count` values that an emitter gives at these events, as text.
function collect(emitter, count, events) {
  const seen = [];
  return new Promise((resolve, reject) => {
    emitter.on('error', reject);
    for (const [name, text] of Object.entries(events)) {
      emitter.on(name, (...values) => {
        seen.push(text(...values));
        if (seen.length === count) resolve(seen);
      });
    }
  });
}

async function watching() {
  const first = (await room.put('a').value('1')).header.revision;
  const events = {
    put: (kv, previous) => `put ${kv.key}=${kv.value} was ${previous?.value ?? ''} version ${kv.version}`,
    delete: (kv, previous) => `delete ${kv.key} was ${previous?.value ?? ''}`,
  };
  // The past may come in the same packet as the word that the watch is there: listen before.
  const all = room.watch().prefix('').withPreviousKV().watcher();
  const old = room.watch().key('a').startRevision(first).watcher();
  const deletes = room.watch().prefix('').only('delete').watcher();
  const seen = Promise.all([collect(all, 4, events), collect(old, 3, events), collect(deletes, 2, events)]);
  await Promise.all([all, old, deletes].map((watcher) => new Promise((resolve) => watcher.on('connected', resolve))));
  await room.put('a').value('2');
  await room.put('b').value('3');
  await room.delete().all();
  for (const lines of await seen) say(lines.join('; '));
  await Promise.all([all.cancel(), old.cancel(), deletes.cancel()]);
  const last = (await room.put('end').value('')).header.revision;
  await client.kv.compact({ revision: last });
  const compacted = room.watch().prefix('').startRevision(first).watcher();
  say('compacted:', await new Promise((resolve) => compacted.on('error', (error) => resolve(error.message))));
}

async function leasing() {
  const lease = room.lease(60);
  await lease.put('leased').value('x');
  say('renewed to', (await lease.keepaliveOnce()).TTL);
  const left = await client.leaseClient.leaseTimeToLive({ ID: await lease.grant(), keys: true });
  say('granted', left.grantedTTL, 'keys', left.keys.join(' '));
  await lease.revoke();
  say('revoked', lease.revoked(), 'left', await room.get('leased'));
  await lease.keepaliveOnce().catch((error) => say('keep-alive after the end:', error instanceof EtcdLeaseInvalidError));

  const taken = room.lease(2);
  const lost = new Promise((resolve) => taken.on('lost', resolve));
  await client.leaseClient.leaseRevoke({ ID: await taken.grant() });
  say('lost:', (await lost) instanceof EtcdLeaseInvalidError);
}

async function locking() {
  const held = room.lock('lock');
  await held.acquire();
  await room.lock('lock').acquire().catch((error) => say('a second lock:', error instanceof EtcdLockFailedError));
  await held.release();
  say('locked in turn:', await room.lock('lock').do(async () => 'inside'));
  say('left', await room.get('lock'));
}

async function electing() {
  const election = room.election('chair', 10);
  say('leads:', await election.leader());
  const observer = await election.observe();
  const changes = collect(observer, 3, { change: (value) => `${value}` });
  const seen = async (value) => {
    while (observer.leader() !== value) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const elected = (campaign) => new Promise((resolve, reject) => campaign.on('elected', resolve).on('error', reject));
  const first = election.campaign('first');
  await elected(first);
  await seen('first');
  const second = election.campaign('second');
  const later = elected(second);
  await second.getCampaignKey();
  await first.proclaim('first again');
  say('leads:', await election.leader());
  await seen('first again');
  await first.resign();
  await later;
  say('leads:', await election.leader());
  say('observed:', (await changes).join(', '));
  await observer.cancel();
  await second.resign();
  say('leads:', await election.leader());
}

async function moving() {
  // In one revision: its snapshots refuse what was written after the oldest thing read.
  await room.if('left', 'Create', '==', 0).then(room.put('left').value(100), room.put('right').value(0)).commit();
  const move = (stm) => Promise.all([stm.get('left').number(), stm.get('right').number()]).then(([left, right]) =>
    Promise.all([stm.put('left').value(left - 1), stm.put('right').value(right + 1)]));
  await Promise.all(Array.from({ length: 5 }, () => room.stm({ retries: 50 }).transact(move)));
  say('moved', await room.get('left').number(), await room.get('right').number());
}

async function main() {
  await room.delete().all();
  for (const part of [watching, leasing, locking, electing, moving]) {
    say(`== ${part.name}`);
    await part();
  }
  await room.delete().all();
  say('the end');
}

main().then(
  () => client.close(),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
