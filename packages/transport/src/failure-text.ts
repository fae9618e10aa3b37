/**
 * What an error says, without the code that a `ConnectError` puts in front of its message; of one that stands for
 * several (each address of a host) what each of them says. Takes anything that was thrown.
 */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("rawMessage" in error && typeof error.rawMessage === "string" && error.rawMessage !== "") {
    return error.rawMessage;
  }
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(failureText).join("; ");
  }
  return error.message === "" ? error.name : error.message;
}
