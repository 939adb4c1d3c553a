// SPDX-License-Identifier: Apache-2.0

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.Election;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.election.LeaderResponse;
import io.etcd.jetcd.lease.LeaseKeepAliveResponse;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.LeaseOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.options.WatchOption;
import io.etcd.jetcd.watch.WatchResponse;
import io.grpc.stub.StreamObserver;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A story of jetcd: watchers, leases, and the server's own locks and elections. Prints what it saw, without ids and times,
 * so that two servers that behave alike print the same. Usage: java Coordination.java HOST:PORT
 */
public final class Coordination {
    private static final int SECONDS = 20;
    private static final ByteSequence ROOM = bytes("java/");
    private final Client client;

    private Coordination(Client client) {
        this.client = client;
    }

    private static ByteSequence bytes(String text) {
        return ByteSequence.from(text, StandardCharsets.UTF_8);
    }

    private static String text(ByteSequence bytes) {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static void say(Object... values) {
        var line = new StringBuilder();
        for (Object value : values) {
            line.append(line.length() == 0 ? "" : " ").append(value);
        }
        System.out.println(line);
    }

    private static <T> T get(CompletableFuture<T> answer) throws Exception {
        return answer.get(SECONDS, TimeUnit.SECONDS);
    }

    private static <T> T take(BlockingQueue<T> queue) throws Exception {
        T value = queue.poll(SECONDS, TimeUnit.SECONDS);
        if (value == null) {
            throw new IllegalStateException("waited in vain");
        }
        return value;
    }

    /** The deepest cause that a failed call names, or "none". */
    private static String failure(CompletableFuture<?> answer) throws Exception {
        try {
            get(answer);
            return "none";
        } catch (java.util.concurrent.ExecutionException error) {
            return error.getCause().getClass().getSimpleName() + ": " + error.getCause().getMessage();
        }
    }

    private long put(String key, String value) throws Exception {
        return get(client.getKVClient().put(bytes("java/" + key), bytes(value))).getHeader().getRevision();
    }

    private static String shown(KeyValue kv) {
        return text(kv.getKey()) + "=" + text(kv.getValue()) + " version " + kv.getVersion();
    }

    private static void tell(BlockingQueue<Object> seen, int count) throws Exception {
        for (int told = 0; told < count;) {
            for (var event : ((WatchResponse) take(seen)).getEvents()) {
                say(event.getEventType(), shown(event.getKeyValue()), "was", shown(event.getPrevKV()));
                told++;
            }
        }
    }

    private static Watch.Listener into(BlockingQueue<Object> seen) {
        return Watch.listener(seen::add, seen::add);
    }

    private void watching() throws Exception {
        long first = put("a", "1");
        var live = new LinkedBlockingQueue<Object>();
        var created = WatchOption.builder().isPrefix(true).withPrevKV(true).withCreateNotify(true).build();
        try (var watcher = client.getWatchClient().watch(ROOM, created, into(live))) {
            say("created", ((WatchResponse) take(live)).isCreatedNotify());
            put("a", "2");
            put("b", "3");
            say("deleted", get(client.getKVClient().delete(ROOM, DeleteOption.builder().isPrefix(true).build())).getDeleted());
            tell(live, 4);
        }
        var old = new LinkedBlockingQueue<Object>();
        var past = WatchOption.builder().withRevision(first).withNoDelete(true).build();
        try (var watcher = client.getWatchClient().watch(bytes("java/a"), past, into(old))) {
            tell(old, 2);
        }
        long last = put("end", "");
        get(client.getKVClient().compact(last));
        var refused = new LinkedBlockingQueue<Object>();
        try (var watcher = client.getWatchClient().watch(bytes("java/a"), past, into(refused))) {
            say("compacted:", ((Throwable) take(refused)).getMessage());
        }
    }

    private void leasing() throws Exception {
        var leases = client.getLeaseClient();
        long id = get(leases.grant(60)).getID();
        var leased = PutOption.builder().withLeaseId(id).build();
        get(client.getKVClient().put(bytes("java/leased"), bytes("x"), leased));
        var left = get(leases.timeToLive(id, LeaseOption.builder().withAttachedKeys().build()));
        say("granted", left.getGrantedTTL(), "keys", text(left.getKeys().get(0)));
        var renewed = new LinkedBlockingQueue<Object>();
        try (var alive = leases.keepAlive(id, new StreamObserver<LeaseKeepAliveResponse>() {
            @Override
            public void onNext(LeaseKeepAliveResponse answer) {
                renewed.add(answer.getTTL());
            }

            @Override
            public void onError(Throwable error) {
                renewed.add(error);
            }

            @Override
            public void onCompleted() {
                renewed.add("completed");
            }
        })) {
            say("renewed to", take(renewed));
        }
        say("renewed once to", get(leases.keepAliveOnce(id)).getTTL());
        get(leases.revoke(id));
        say("left", get(client.getKVClient().get(bytes("java/leased"))).getCount());
        say("revoked twice:", failure(leases.revoke(id)));
        say("left of an unknown one:", get(leases.timeToLive(id, LeaseOption.DEFAULT)).getTTL());
    }

    private void locking() throws Exception {
        var locks = client.getLockClient();
        long first = get(client.getLeaseClient().grant(30)).getID();
        long second = get(client.getLeaseClient().grant(30)).getID();
        var name = bytes("java/lock");
        var held = get(locks.lock(name, first)).getKey();
        say("the key has the lease:", text(held).equals("java/lock/" + Long.toHexString(first)));
        var waiting = locks.lock(name, second);
        say("the same again:", get(locks.lock(name, first)).getKey().equals(held));
        say("still waits:", !waiting.isDone());
        get(locks.unlock(held));
        var next = get(waiting).getKey();
        say("the next has its lease:", text(next).equals("java/lock/" + Long.toHexString(second)));
        var heir = locks.lock(name, first);
        get(client.getLeaseClient().revoke(second));
        say("after the holder's end:", get(heir).getKey().equals(held));
        say("with a lease that is gone:", failure(locks.lock(name, second)));
        get(client.getLeaseClient().revoke(first));
        say("unlocked by nobody:", failure(locks.unlock(held)));
    }

    private void electing() throws Exception {
        var election = client.getElectionClient();
        var name = bytes("java/chair");
        long first = get(client.getLeaseClient().grant(30)).getID();
        long second = get(client.getLeaseClient().grant(30)).getID();
        say("nobody:", failure(election.leader(name)));
        var seen = new LinkedBlockingQueue<String>();
        election.observe(name, new Election.Listener() {
            @Override
            public void onNext(LeaderResponse answer) {
                seen.add(text(answer.getKv().getValue()));
            }

            @Override
            public void onError(Throwable error) {
                seen.add(error.toString());
            }

            @Override
            public void onCompleted() {
                seen.add("completed");
            }
        });
        var leader = get(election.campaign(name, first, bytes("first"))).getLeader();
        say("observed", take(seen));
        var waiting = election.campaign(name, second, bytes("second"));
        get(election.proclaim(leader, bytes("first again")));
        say("observed", take(seen));
        say("leads", text(get(election.leader(name)).getKv().getValue()), "still waits:", !waiting.isDone());
        get(election.resign(leader));
        var next = get(waiting).getLeader();
        say("observed", take(seen));
        say("proclaimed by one that resigned:", failure(election.proclaim(leader, bytes("x"))));
        get(client.getLeaseClient().revoke(second));
        say("proclaimed by one whose lease is gone:", failure(election.proclaim(next, bytes("x"))));
        say("nobody:", failure(election.leader(name)));
        get(client.getLeaseClient().revoke(first));
    }

    public static void main(String[] arguments) throws Exception {
        try (Client client = Client.builder().endpoints("http://" + arguments[0]).build()) {
            var story = new Coordination(client);
            get(client.getKVClient().delete(ROOM, DeleteOption.builder().isPrefix(true).build()));
            story.watching();
            story.leasing();
            story.locking();
            story.electing();
            say("the end");
        }
        System.exit(0);
    }
}
