import { connect, type NetConnectOpts, type Socket } from "node:net";
import { resetSocket } from "../reset-socket.js";
import { type Lane, type LaneEvents, type LaneRules, openLane } from "./lane.js";

/** Which way bytes go. */
export type Direction = "toServer" | "toClient";

/** One connection of a client, and the one that was made for it to the server. */
export interface Link {
  /** Makes the second connection, once; until then the client's bytes stay unread. */
  dial(target: NetConnectOpts): void;
  refresh(): void;
  end(direction: Direction): void;
  /** Resets both sides (TCP RST): what is under way is lost. */
  cut(): void;
}

export interface LinkEvents {
  forwarded(direction: Direction, bytes: number): void;
  dropped(direction: Direction): void;
  spent(direction: Direction): void;
  closed(): void;
}

/** @param client - An accepted socket that nobody has read from. */
export function openLink(
  client: Socket,
  rules: Readonly<Record<Direction, LaneRules>>,
  events: LinkEvents,
): Link {
  let server: Socket | undefined;
  let lanes: Readonly<Record<Direction, Lane>> | undefined;
  let isClosed = false;

  function cut(): void {
    if (isClosed) return;
    isClosed = true;
    lanes?.toServer.close();
    lanes?.toClient.close();
    resetSocket(client);
    if (server !== undefined) resetSocket(server);
    events.closed();
  }

  function watch(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on("error", cut);
    socket.on("close", () => {
      if (client.closed && (server === undefined || server.closed)) settle();
    });
  }

  /** Both sides have come to their natural end. */
  function settle(): void {
    if (isClosed) return;
    isClosed = true;
    lanes?.toServer.close();
    lanes?.toClient.close();
    events.closed();
  }

  function laneEvents(direction: Direction): LaneEvents {
    return {
      forwarded: (bytes) => events.forwarded(direction, bytes),
      dropped: () => events.dropped(direction),
      spent: () => events.spent(direction),
    };
  }

  watch(client);
  return {
    dial(target) {
      if (server !== undefined || isClosed) return;
      const dialled = connect({ ...target, allowHalfOpen: true });
      server = dialled;
      watch(dialled);
      dialled.once("connect", () => {
        lanes = {
          toServer: openLane(client, dialled, rules.toServer, laneEvents("toServer")),
          toClient: openLane(dialled, client, rules.toClient, laneEvents("toClient")),
        };
      });
    },
    refresh() {
      lanes?.toServer.refresh();
      lanes?.toClient.refresh();
    },
    end: (direction) => lanes?.[direction].end(),
    cut,
  };
}
