import { expect, it } from "vitest";
import { authorityOf } from "./authority-of.js";

it.each([
  ["greeter", "greeter"],
  ["services/v1/greeter", "services-v1-greeter"],
  ["größe des Hauses", "gr-e-des-Hauses"],
  ["greeter.1", "localhost"],
  ["1.2.3.4.5", "localhost"],
])("calls the service %s by a name that a URL can hold: %s", (service, authority) => {
  expect(authorityOf(service)).toBe(authority);
  expect(URL.canParse(`http://${authority}`)).toBe(true);
});
