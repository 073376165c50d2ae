// What an app on our own client begins with; for the tests of the client.
"use strict";

Object.assign(window, (() => {
  /** A client that is signed in, as the examples of its types have it. */
  const begin = async () => {
    const client = await import("/omnitalk.js");
    Object.assign(window, client);
    document.body.append(document.createElement("video"), document.createElement("button"));
    window.omnitalk = new Omnitalk("demo", "demo");
    await omnitalk.createSession("ann");
  };

  const end = () => omnitalk.leave().catch(() => {});

  const enter = async () => omnitalk.joinRoom((await omnitalk.createRoom("videoroom")).room_id);

  /** The code that `ask` is refused with; it must be an error of the client's own. */
  const refusal = async (ask) => {
    let error = null;
    try {
      await ask();
    } catch (caught) {
      error = caught;
    }
    if (!error) throw new Error("it was not refused");
    if (!(error instanceof OmnitalkError)) throw new Error(`no OmnitalkError: ${error.stack}`);
    return error.code;
  };

  /** The same while the browser refuses `method` of `owner` with an error of this name. */
  const refusalWithout = async (owner, method, name, ask) => {
    const kept = Object.getOwnPropertyDescriptor(owner, method);
    // A constructor throws, a method rejects.
    const refuse = function () {
      const error = new DOMException(`${method} is broken`, name);
      if (new.target) throw error;
      return Promise.reject(error);
    };
    Object.defineProperty(owner, method, { value: refuse, configurable: true, writable: true });
    try {
      return await refusal(ask);
    } finally {
      if (kept) Object.defineProperty(owner, method, kept);
      else delete owner[method];
    }
  };

  // A browser without a screen has none to share.
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, 10, 10);
  navigator.mediaDevices.getDisplayMedia = async () => canvas.captureStream(5);

  return { begin, end, enter, refusal, refusalWithout };
})());
