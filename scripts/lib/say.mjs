/** Prints one line about one thing: `setup   dependencies are up to date`. */
export function say(topic, text) {
  process.stdout.write(`${topic.padEnd(9)}${text}\n`);
}

/** Says what is about to be done, does it, and says how long it took. A result of `run` may be a failure as well. */
export async function during(topic, text, action) {
  process.stdout.write(`${topic.padEnd(9)}${text} … `);
  const started = performance.now();
  try {
    const result = await action();
    const failed = (result?.code ?? 0) !== 0;
    process.stdout.write(`${failed ? "failed after " : ""}${seconds(performance.now() - started)}\n`);
    return result;
  } catch (error) {
    process.stdout.write(`failed after ${seconds(performance.now() - started)}\n`);
    throw error;
  }
}

export function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
