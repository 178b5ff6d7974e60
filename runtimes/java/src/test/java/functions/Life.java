package functions;

import com.amazonaws.services.lambda.runtime.Context;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;

/** A function with hooks, and one that several may be in. */
public class Life {
  private static final List<String> SEEN = Collections.synchronizedList(new ArrayList<>());
  private static final CyclicBarrier ALL = new CyclicBarrier(4);

  public void initialize(Context c) {
    SEEN.add("initialize" + c.getAwsRequestId() + (c.getRemainingTimeInMillis() > 5000));
    System.out.print("beginning");
  }

  public void preFreeze() {
    SEEN.add("preFreeze");
  }

  public static void end() {
    SEEN.add("end");
  }

  public void fails() {
    throw new IllegalStateException("no database");
  }

  public void exits() {
    System.exit(4);
  }

  public List<String> seen() {
    return new ArrayList<>(SEEN);
  }

  /** Waits until four are in here. */
  public String meets(int number, Context c) throws Exception {
    System.out.println("line " + number);
    ALL.await(20, TimeUnit.SECONDS);
    System.out.print("end " + number);
    if (number == 3) {
      throw new IllegalArgumentException("alone");
    }
    return number + c.getAwsRequestId();
  }
}
