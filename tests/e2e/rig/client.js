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

  // A browser without a screen has none to share.
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, 10, 10);
  navigator.mediaDevices.getDisplayMedia = async () => canvas.captureStream(5);

  return { begin, end, enter };
})());
