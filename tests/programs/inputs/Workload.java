import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.*;
import java.util.zip.*;

/** Collections, direct buffers, deflaters (native memory), threads: the same output each time. */
public class Workload {
  static String digest(int seed) throws Exception {
    Map<String, List<Integer>> table = new TreeMap<>();
    for (int k = 0; k < 60000; k++)
      table.computeIfAbsent("key" + (k * seed) % 5003, x -> new ArrayList<>()).add(k);
    byte[] text = table.toString().getBytes("UTF-8");
    CRC32 sum = new CRC32();
    for (int level = 1; level <= 9; level++) {
      Deflater deflater = new Deflater(level);
      deflater.setInput(text);
      deflater.finish();
      byte[] out = new byte[text.length];
      sum.update(out, 0, deflater.deflate(out));
      deflater.end();
    }
    for (int size = 1; size < 2_000_000; size += 150_001) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(size);
      while (buffer.hasRemaining()) buffer.put((byte) (buffer.position() * seed));
      buffer.flip();
      sum.update(buffer);
    }
    return Long.toHexString(sum.getValue()) + " " + text.length;
  }

  public static void main(String[] arguments) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    List<Future<String>> results = new ArrayList<>();
    for (int seed = 1; seed <= 8; seed++) {
      final int value = seed;
      results.add(pool.submit(() -> digest(value)));
    }
    for (Future<String> result : results) System.out.println(result.get());
    pool.shutdown();
  }
}
