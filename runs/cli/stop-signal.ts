// Interrupts from outside: the first asks for a clean end, the second ends the process.

/**
 * Aborts `signal` at the first interrupt, after `onFirst`. The second is handed back to the system, which ends the
 * process at once: `process.exit` would first end threads that may be inside ONNX Runtime, and that aborts the process.
 */
export function listenForStop(onFirst: () => void = () => {}): {
  readonly signal: AbortSignal;
  readonly stopListening: () => void;
} {
  const controller = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const stopListening = () => {
    for (const name of names) process.off(name, stop);
  };
  const stop = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      stopListening();
      process.kill(process.pid, name);
      return;
    }
    controller.abort();
    onFirst();
  };
  for (const name of names) process.on(name, stop);
  return { signal: controller.signal, stopListening };
}
