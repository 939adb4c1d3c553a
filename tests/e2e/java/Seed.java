// SPDX-License-Identifier: Apache-2.0

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.PutOption;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/** The smallest program of jetcd: put, get, a transaction; prints the value. Usage: java Seed.java HOST:PORT */
public final class Seed {
    private static ByteSequence bytes(String text) {
        return ByteSequence.from(text, StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws Exception {
        try (Client client = Client.builder().endpoints("http://" + arguments[0]).build()) {
            var kv = client.getKVClient();
            kv.put(bytes("key"), bytes("value")).get(5, TimeUnit.SECONDS);
            var found = kv.get(bytes("key")).get(5, TimeUnit.SECONDS);
            var answer = kv.txn()
                .If(new Cmp(bytes("key"), Cmp.Op.EQUAL, CmpTarget.value(bytes("value"))))
                .Then(Op.put(bytes("java"), bytes("yes"), PutOption.DEFAULT), Op.get(bytes("java"), GetOption.DEFAULT))
                .commit()
                .get(5, TimeUnit.SECONDS);
            if (!answer.isSucceeded() || answer.getGetResponses().get(0).getCount() != 1) {
                throw new IllegalStateException("the transaction took the wrong branch");
            }
            System.out.println(found.getKvs().get(0).getValue().toString(StandardCharsets.UTF_8));
        }
    }
}
