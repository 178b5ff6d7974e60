package ebb.runtime;

import com.amazonaws.services.lambda.runtime.LambdaRuntimeInternal;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * One function's life in this process: init once, then invocations, one by one
 * or, if the platform wants more than one at a time, as Workers has it.
 */
final class Instance {
  private final Channel channel;
  private final Output output;
  private final Jvm jvm;
  private final Logger logger;
  private final Warmup warmup; // null if there is none

  private Handler handler;
  private Hooks hooks;
  private ClassLoader loader;
  private Fixed fixed;
  private String arn = "";
  private int maxResponse;
  private int places = 1; // how many invocations may be in flight
  private volatile boolean ending; // the JVM is in no state for more

  Instance(Channel channel, Output output, Jvm jvm, Warmup warmup) {
    this.channel = channel;
    this.output = output;
    this.jvm = jvm;
    this.logger = new Logger(output);
    this.warmup = warmup;
  }

  /** Serves until the other side ends the conversation. */
  void run() throws IOException {
    byte[] buffer = null; // of the last answer, for the next
    while (channel.next()) {
      if (channel.type == Channel.INVOKE) {
        buffer = invoke(channel.stream, channel.body, channel.head, channel.payload, channel.end, buffer);
      } else if (!handle()) {
        return;
      }
      if (places > 1) {
        output.share();
        new Workers(this, channel, places).run();
        return;
      }
    }
  }

  /** Does what the frame in the channel asks for, unless it is an invocation. False = the end. */
  boolean handle() throws IOException {
    switch (channel.type) {
      case Channel.INIT:
        init();
        break;
      case Channel.HOOK:
        hook();
        break;
      case Channel.WINDOW:
        break; // answers are not sent in pieces
      case Channel.PING: // whoever asks is in no hurry, and wants a process that is
        if (warmup != null) {
          warmup.run();
        }
        channel.send(Channel.PONG, 0);
        break;
      case Channel.STOP:
        jvm.exit(0);
        return false;
      default:
        throw new IOException("frame of type " + channel.type);
    }
    return true;
  }

  private void init() throws IOException {
    try {
      Init init = Init.read(channel.body, channel.payload, channel.end);
      arn = init.arn;
      maxResponse = init.maxResponse;
      ClassPath path = jvm.specialise(init);
      loader = path.loader;
      fixed = new Fixed(init.env, init.tenant);
      logger.install("JSON".equals(init.env.get("AWS_LAMBDA_LOG_FORMAT")));
      Handlers.Objects objects = new Handlers.Objects();
      handler = Handlers.load(init.handler, path, objects);
      hooks = new Hooks(init.env, loader, objects);
      places = init.concurrency;
    } catch (Throwable t) {
      fail(0, Failure.of(t), Channel.EXIT);
      jvm.exit(1);
      return;
    }
    output.flush();
    channel.send(Channel.READY, 0, 0, new byte[0], ready());
  }

  private static byte[] ready() {
    return ("{\"runtime\":\"java/" + System.getProperty("java.version") + "\"}").getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Runs one invocation: body[head, payload) and body[payload, end) are its
   * frame's. The head is text: id, deadline, ARN, trace, client context, a line
   * each, the last with whatever it has. buffer, or null, is for the answer;
   * what is returned is for the next.
   */
  byte[] invoke(int stream, byte[] body, int headAt, int payload, int end, byte[] buffer) throws IOException {
    Head head = new Head(body, headAt, payload);
    String id = head.line();
    output.begin(stream, id);
    try {
      return answer(stream, id, head, new Event(body, payload, end), new Answer(buffer, maxResponse));
    } finally {
      output.end();
    }
  }

  private byte[] answer(int stream, String id, Head head, Event event, Answer answer) throws IOException {
    Failure failure = null;
    try {
      String deadline = head.line();
      String called = head.line();
      String trace = head.line();
      if (places == 1) { // it is the process's
        jvm.trace(trace);
      }
      InvocationContext context = new InvocationContext(fixed, logger, id,
          deadline.isEmpty() ? Long.MAX_VALUE : Long.parseLong(deadline), called.isEmpty() ? arn : called, trace, head.rest());
      if (LambdaRuntimeInternal.getUseLog4jAppender()) {
        Log4j.tell(loader, id);
      }
      handler.handle(event, context, answer);
    } catch (Throwable t) {
      failure = Failure.of(t);
    }
    Thread.interrupted(); // what the handler left must not disturb the next one
    if (failure == null && !answer.tooLarge()) {
      output.flush();
      return answer.send(channel, stream);
    }
    byte[] buffer = answer.finish();
    if (failure == null || failure.document.length > maxResponse) {
      failure = Failure.tooLarge(maxResponse);
    }
    fail(stream, failure, failure.fatal ? Channel.EXIT : 0);
    ending = ending || failure.fatal;
    if (failure.fatal && places == 1) {
      exit();
    }
    return buffer;
  }

  /** True if the process has to end when nothing is in flight any more. */
  boolean ending() {
    return ending;
  }

  void exit() {
    jvm.exit(1);
  }

  /** Runs a hook. The frame's head is its name and its deadline, a line each. */
  private void hook() throws IOException {
    output.begin(0, null);
    try {
      Head head = new Head(channel.body, channel.head, channel.payload);
      String name = head.line();
      String deadline = head.line();
      hooks.run(name, new InvocationContext(fixed, logger, "",
          deadline.isEmpty() ? Long.MAX_VALUE : Long.parseLong(deadline), arn, "", ""));
    } catch (Throwable t) {
      Failure failure = Failure.of(t);
      fail(0, failure, failure.fatal ? Channel.EXIT : 0);
      if (failure.fatal) {
        exit();
      }
      return;
    } finally {
      output.end();
      Thread.interrupted(); // what it left must not disturb an invocation
    }
    output.flush();
    channel.send(Channel.DONE, 0);
  }

  private void fail(int stream, Failure failure, int flags) throws IOException {
    output.flush();
    logger.failure(failure.text);
    byte[] type = failure.type.getBytes(StandardCharsets.UTF_8);
    channel.send(Channel.ERROR, flags, stream, type, failure.document);
  }

  /** The head of an invoke frame. */
  private static final class Head {
    private final byte[] bytes;
    private int at;
    private final int end;

    Head(byte[] bytes, int from, int to) {
      this.bytes = bytes;
      this.at = from;
      this.end = to;
    }

    String line() {
      int from = at;
      while (at < end && bytes[at] != '\n') {
        at++;
      }
      String line = new String(bytes, from, at - from, StandardCharsets.UTF_8);
      at++;
      return line;
    }

    String rest() {
      return at < end ? new String(bytes, at, end - at, StandardCharsets.UTF_8) : "";
    }
  }
}
