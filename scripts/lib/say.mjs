/** Prints one line about one thing: `setup   dependencies are up to date`. */
export function say(topic, text) {
  process.stdout.write(`${topic.padEnd(9)}${text}\n`);
}

/** Says what is about to be done, does it, and says how long it took. */
export async function during(topic, text, action) {
  process.stdout.write(`${topic.padEnd(9)}${text} … `);
  const started = performance.now();
  try {
    const result = await action();
    process.stdout.write(`${seconds(performance.now() - started)}\n`);
    return result;
  } catch (error) {
    process.stdout.write(`failed after ${seconds(performance.now() - started)}\n`);
    throw error;
  }
}

export function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
