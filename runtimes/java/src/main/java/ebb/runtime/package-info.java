/**
 * What a Java function's process runs. It speaks the framed protocol
 * (docs/runtime-api.md) on file descriptor 3 and calls the handler.
 *
 * <p>The process starts generic. Everything about the function comes in the init
 * frame, so that a process can wait, already started and warm, for whichever
 * version needs one. The code is Java 8; what later JVMs close (the environment,
 * the class path, file descriptors) Access reaches.
 */
package ebb.runtime;
