package ebb.runtime;

import com.amazonaws.services.lambda.runtime.Context;

/** A function's handler, whatever its shape. */
interface Handler {
  void handle(Event event, Context context, Answer answer) throws Throwable;
}
