import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { Method, ScriptedCall } from "./scripted-call.js";

/**
 * What to do with a call. A message that it returns is sent and ends the call with status OK; one that returns nothing
 * has done what it wants by itself, or leaves the call without an answer.
 */
export type Script<I extends DescMessage, O extends DescMessage> = (
  call: ScriptedCall<I, O>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a script may be a function without a return statement
) => MessageInitShape<O> | undefined | void | Promise<MessageInitShape<O> | undefined | void>;

/** A script with its types left out, as they are looked up by path. */
export type AnyScript = Script<DescMessage, DescMessage>;

/** Which script a call gets. */
export interface ScriptBook {
  /** For every call of the method, until set again. */
  on<I extends DescMessage, O extends DescMessage>(method: Method<I, O>, script: Script<I, O>): void;
  /** For the next call of the method only, before those set by `on`; several are used in their order. */
  once<I extends DescMessage, O extends DescMessage>(method: Method<I, O>, script: Script<I, O>): void;
  /** For every call of every method, before all others; `undefined` ends it. */
  onEvery(script: AnyScript | undefined): void;
  /** Takes the script for this call, and the method that it is for. */
  take(
    path: string,
  ): { readonly method: Method<DescMessage, DescMessage>; readonly script: AnyScript } | undefined;
}

/** Where a method is called. */
export function pathOf(method: Method<DescMessage, DescMessage>): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export function createScriptBook(): ScriptBook {
  const pages = new Map<
    string,
    { readonly method: Method<DescMessage, DescMessage>; always?: AnyScript; readonly next: AnyScript[] }
  >();
  let every: AnyScript | undefined;

  function page<I extends DescMessage, O extends DescMessage>(method: Method<I, O>) {
    const path = pathOf(method);
    const found = pages.get(path) ?? { method, next: [] };
    pages.set(path, found);
    return found;
  }
  // A script only ever meets calls of the method that it was set for, so that forgetting its types is safe.
  const forget = <I extends DescMessage, O extends DescMessage>(script: Script<I, O>): AnyScript =>
    script as unknown as AnyScript;

  return {
    on(method, script) {
      page(method).always = forget(script);
    },
    once(method, script) {
      page(method).next.push(forget(script));
    },
    onEvery(script) {
      every = script;
    },
    take(path) {
      const found = pages.get(path);
      const script = every ?? found?.next.shift() ?? found?.always;
      return found === undefined || script === undefined ? undefined : { method: found.method, script };
    },
  };
}
