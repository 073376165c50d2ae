// What a page needs before the SDK is loaded: the service's address, a microphone with known sound, a recorder.
"use strict";

const rig = (() => {
  const wanted = new URLSearchParams(location.search);
  const service = `ws://${wanted.get("service")}/ws`;

  // The SDKs know one address only; everything else of theirs runs as published.
  const sockets = [];
  // Every message of the service's, whatever the SDK makes of it.
  const wire = { sent: [], got: [] };
  const send = (message) => sockets.at(-1).send(JSON.stringify(message));
  // Fields that other versions of the SDKs send too, by command.
  const added = {};
  const adds = (command, fields) => (added[command] = fields);
  const NativeSocket = window.WebSocket;
  window.WebSocket = function (url) {
    if (url !== "wss://lbs.omnitalk.io/ws") throw new Error(`unexpected address ${url}`);
    const socket = new NativeSocket(service);
    sockets.push(socket);
    const send = socket.send.bind(socket);
    socket.send = (text) => {
      const message = JSON.parse(text);
      wire.sent.push(Object.assign(message, added[message.cmd]));
      send(JSON.stringify(message));
    };
    socket.addEventListener("message", ({ data }) => wire.got.push(JSON.parse(data)));
    // A network path of the test's own: the service's descriptions name that port instead, or TCP alone.
    Object.defineProperty(socket, "onmessage", {
      set: (handler) => socket.addEventListener("message", (message) => handler(detoured(message))),
    });
    return socket;
  };

  // "tcp": no UDP; {from, to}: ports; with {tcp: true} both.
  let detour = null;
  function detoured(message) {
    if (!detour) return message;
    let { data } = message;
    if (detour === "tcp" || detour.tcp) data = data.replaceAll(/a=candidate:\S+ \d+ udp .*?\\r\\n/g, "");
    if (detour.from) data = data.replaceAll(` 127.0.0.1 ${detour.from} typ host`, ` 127.0.0.1 ${detour.to} typ host`);
    return new MessageEvent("message", { data });
  }

  /** The service's media port, as its first description has it. */
  function mediaPort() {
    return Number(/ 127\.0\.0\.1 (\d+) typ host/.exec(connections.find((c) => c.remoteDescription).remoteDescription.sdp)[1]);
  }

  const context = new AudioContext({ sampleRate: 48000 });
  const microphone = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  navigator.mediaDevices.getUserMedia = async (wishes) => {
    if (wishes?.video) {
      const size = (wish, usual) => wish?.exact ?? wish?.ideal ?? usual;
      const { deviceId, width, height } = wishes.video;
      const device = deviceId?.exact ?? "camera";
      return new MediaStream([picture(device, size(width, 640), size(height, 480))]);
    }
    await context.resume();
    return new MediaStream([microphone.stream.getAudioTracks()[0].clone()]);
  };
  navigator.mediaDevices.getDisplayMedia = async () => new MediaStream([picture("screen", 960, 540)]);

  // The colours of each camera's left and right half.
  const paints = { camera: ["#c03020", "#2040c0"], screen: ["#209040", "#c0a020"] };

  /** A camera's track: two halves, and a spot that moves. */
  function picture(device, width, height) {
    const track = new MediaStreamTrackGenerator({ kind: "video" });
    const writer = track.writable.getWriter();
    const canvas = new OffscreenCanvas(width, height);
    const pen = canvas.getContext("2d");
    let drawn = 0;
    const timer = setInterval(() => {
      if (track.readyState === "ended") return clearInterval(timer);
      const [left, right] = paints[device] ?? paints.camera;
      pen.fillStyle = left;
      pen.fillRect(0, 0, width / 2, height);
      pen.fillStyle = right;
      pen.fillRect(width / 2, 0, width / 2, height);
      pen.fillStyle = "#808080";
      pen.fillRect((drawn++ * 8) % width, height - 24, 24, 24);
      writer.write(new VideoFrame(canvas, { timestamp: performance.now() * 1000 })).catch(() => clearInterval(timer));
    }, 66);
    return track;
  }

  /** What the SDK takes for a view: the element's id, or a native view that takes a stream's URL. */
  function view(tag) {
    if (wanted.get("sdk") === "ts") return tag;
    return {
      set streamURL(url) {
        document.querySelector(`video#${tag}`).srcObject = window.streamOf(url);
      },
    };
  }

  /** The track that a video element shows, as soon as it shows one. */
  function shown(tag) {
    return within(() => `video in ${tag} ${state()}`, 20, (resolve) => {
      const timer = setInterval(() => {
        const track = document.querySelector(`video#${tag}`)?.srcObject?.getVideoTracks()[0];
        if (!track) return;
        clearInterval(timer);
        resolve(track);
      }, 20);
    });
  }

  /** Decodes `count` frames of what a video element shows; the last one's size and the colours of its halves. */
  async function watch(tag, count = 10) {
    const track = (await shown(tag)).clone();
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    let frames = 0;
    const last = async () => {
      for (;;) {
        const { value: frame } = await reader.read();
        if (++frames === count) return frame;
        frame.close();
      }
    };
    const frame = await within(() => `${count} frames in ${tag}; came ${frames} ${state()}`, 20, (resolve) => last().then(resolve));
    const [width, height] = [frame.displayWidth, frame.displayHeight];
    const pen = new OffscreenCanvas(width, height).getContext("2d");
    pen.drawImage(frame, 0, 0);
    frame.close();
    track.stop();
    const colour = (x) => [...pen.getImageData(Math.round(x * width), Math.round(height / 3), 1, 1).data].slice(0, 3);
    return { width, height, left: colour(0.25), right: colour(0.75) };
  }

  /** The protocol and the port of the service that each connection has chosen. */
  async function chosen() {
    const all = [];
    for (const connection of connections) {
      const reports = await connection.getStats();
      for (const { selectedCandidatePairId: id } of reports.values()) {
        const remote = id && reports.get(reports.get(id).remoteCandidateId);
        if (remote) all.push({ protocol: remote.protocol, port: remote.port });
      }
    }
    return all;
  }

  /** The browser's own figures of the video that comes in. */
  async function received() {
    for (const connection of connections) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type === "inbound-rtp" && report.kind === "video") return report;
      }
    }
    return null;
  }

  /** What the page sends or takes by each video stream of `type` (an RTCStatsType): codec, and frames through its coder. */
  async function codecs(type) {
    const all = [];
    for (const connection of connections) {
      const reports = await connection.getStats();
      for (const report of reports.values()) {
        if (report.type !== type || report.kind !== "video" || !report.codecId) continue;
        const { mimeType: codec, sdpFmtpLine: parameters = "" } = reports.get(report.codecId);
        const frames = report.framesEncoded ?? report.framesDecoded;
        all.push({ codec, parameters, frames });
      }
    }
    return all;
  }

  /** How many frames a video element gets within `ms`. */
  async function frames(tag, ms) {
    const track = (await shown(tag)).clone();
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    let count = 0;
    const reading = (async () => {
      for (;;) {
        const { value: frame, done } = await reader.read();
        if (done) return;
        count++;
        frame.close();
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, ms));
    track.stop();
    await reading;
    return count;
  }

  /** A steady tone from the microphone. */
  function tone(hertz, amplitude = 0.25) {
    const oscillator = new OscillatorNode(context, { frequency: hertz });
    oscillator.connect(new GainNode(context, { gain: amplitude })).connect(microphone);
    oscillator.start();
  }

  /** Plays 16-bit PCM at 48 kHz, base64, once, into the microphone; resolves at its end. */
  function speak(base64) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const pcm = new Int16Array(bytes.buffer);
    const buffer = context.createBuffer(1, pcm.length, 48000);
    buffer.getChannelData(0).set(Float32Array.from(pcm, (s) => s / 32768));
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(microphone);
    return new Promise((resolve) => {
      source.onended = () => resolve(true);
      source.start();
    });
  }

  // What is heard: every sample of the remote track since it appeared, at 48 kHz.
  const heard = [];
  let heardSamples = 0;
  let waiters = [];
  async function record(track) {
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 3000 }).readable.getReader();
    for (;;) {
      const { value: data, done } = await reader.read();
      if (done) return;
      if (data.sampleRate !== 48000) throw new Error(`heard at ${data.sampleRate} Hz`);
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      data.close();
      heard.push(samples);
      heardSamples += samples.length;
      waiters = waiters.filter((check) => !check());
    }
  }

  // When pulses of sound came out of the microphone, and when they were heard, in ms of the machine's clock.
  const pulses = { said: [], heard: [], wanted: false };
  const time = () => performance.timeOrigin + performance.now();

  /** Notes when sound begins after a tenth of a second without any. */
  async function note(track, into) {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    for (let quiet = 0; ; ) {
      const { value: data, done } = await reader.read();
      if (done) return;
      const [now, rate, samples] = [time(), data.sampleRate, new Float32Array(data.numberOfFrames)];
      data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      data.close();
      const first = samples.findIndex((sample) => Math.abs(sample) > 0.05);
      if (first >= 0 && quiet > rate / 10) into.push(now - ((samples.length - first) / rate) * 1000);
      quiet = first < 0 ? quiet + samples.length : 0;
    }
  }

  /** Says a pulse of 20 ms twice a second; those that are said and heard from now on are noted. */
  function pulse() {
    pulses.wanted = true;
    const buffer = context.createBuffer(1, 24000, 48000);
    buffer.getChannelData(0).set(Float32Array.from({ length: 960 }, (_, i) => Math.sin(((i + 6) / 48) * 2 * Math.PI) * 0.37));
    const source = new AudioBufferSourceNode(context, { buffer, loop: true });
    source.connect(microphone);
    source.start();
    note(microphone.stream.getAudioTracks()[0], pulses.said).catch((error) => faults.push(String(error)));
  }

  // A client whose network lets no UDP through. The SDKs know one TURN server only, and want UDP as well; the credentials
  // are those that they were given.
  const relay = wanted.get("turn");
  function relayed(configuration) {
    const server = configuration.iceServers.find((s) => String(s.urls).startsWith("turn:"));
    const iceServers = [{ ...server, urls: `turn:${relay}?transport=tcp` }];
    return { ...configuration, iceServers, iceTransportPolicy: "relay" };
  }

  const connections = [];
  window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
    construct(target, args, newTarget) {
      if (relay) args = [relayed(args[0])];
      const connection = Reflect.construct(target, args, newTarget);
      connections.push(connection);
      connection.addEventListener("track", ({ track }) => {
        if (track.kind !== "audio") return;
        // Chromium pulls remote audio only for an element that plays it.
        const element = new Audio();
        element.srcObject = new MediaStream([track]);
        element.play();
        document.body.append(element);
        record(track).catch((error) => faults.push(String(error)));
        if (pulses.wanted) note(track, pulses.heard).catch((error) => faults.push(String(error)));
      });
      return connection;
    },
  });

  const faults = [];
  window.addEventListener("unhandledrejection", (e) => faults.push(String(e.reason)));

  function within(what, seconds, executor) {
    return new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`not within ${seconds} s: ${what()}`)), seconds * 1000);
      executor(resolve);
    });
  }

  /** Waits until `seconds` more have been heard; the first and the last sample's index. */
  function listen(seconds) {
    const first = heardSamples;
    const last = first + Math.round(seconds * 48000);
    return within(() => `${seconds} s of audio; heard ${heardSamples - first} samples ${state()}`, seconds + 15, (resolve) => {
      waiters.push(() => heardSamples >= last && (resolve([first, last]), true));
    });
  }

  /** The samples from `first` to `last` as 16-bit PCM, base64. */
  function samples(first, last) {
    const pcm = new Int16Array(last - first);
    let at = 0;
    for (const part of heard) {
      for (let i = Math.max(0, first - at); i < part.length && at + i < last; i++) {
        pcm[at + i - first] = Math.max(-32768, Math.min(32767, Math.round(part[i] * 32768)));
      }
      at += part.length;
    }
    const bytes = new Uint8Array(pcm.buffer);
    let text = "";
    for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    return btoa(text);
  }

  /** How the media of each connected peer leaves this page: kind of candidate, and the protocol to the relay if any. */
  async function ways() {
    const all = [];
    for (const connection of connections) {
      const stats = await connection.getStats();
      for (const { type, selectedCandidatePairId } of stats.values()) {
        if (type !== "transport" || !selectedCandidatePairId) continue;
        const local = stats.get(stats.get(selectedCandidatePairId).localCandidateId);
        all.push([local.candidateType, local.relayProtocol].filter(Boolean).join("/"));
      }
    }
    return all;
  }

  // What the SDK tells the app; `close` counts as an event of that name.
  let events = [];
  const seen = [];
  let eventWaiters = [];
  function happened(event) {
    seen.push(event.cmd);
    events.push(event);
    eventWaiters = eventWaiters.filter((check) => !check());
  }

  function state() {
    const ice = connections.map((c) => `${c.iceConnectionState}/${c.connectionState}`);
    return JSON.stringify({ seen, ice, sockets: sockets.map((s) => s.readyState), faults });
  }

  /** The next event of this name, already arrived or to come, that has these fields. */
  function event(cmd, fields = {}, seconds = 20) {
    return within(() => `${cmd} ${JSON.stringify(fields)} ${state()}`, seconds, (resolve) => {
      const check = () => {
        const fits = (e) => e.cmd === cmd && Object.entries(fields).every(([k, v]) => e[k] === v);
        const found = events.find(fits);
        if (!found) return false;
        events = events.filter((e) => e !== found);
        resolve(found);
        return true;
      };
      if (!check()) eventWaiters.push(check);
    });
  }

  function begin() {
    const module = window.Omnitalk;
    const Sdk = module.Omnitalk ?? module.default;
    Sdk.sdkInit("demo", "demo");
    window.sdk = Sdk.getInstance();
    window.sdk.on("event", happened);
    window.sdk.on("close", () => happened({ cmd: "close" }));
  }

  const AsyncFunction = (async () => {}).constructor;
  /** Runs the body of an async function; never throws. */
  async function run(body, args) {
    try {
      return { value: (await new AsyncFunction("sdk", "rig", "args", body)(window.sdk, rig, args)) ?? null };
    } catch (error) {
      return { error: `${error?.stack ?? error} ${state()}` };
    }
  }

  const goBy = (path) => (detour = path);
  return {
    wanted, wire, send, adds, pulse, pulses, time, tone, speak, listen, samples, paints, view, mediaPort, goBy, chosen, watch, frames, received, codecs, event, begin, run, state, ways,
  };
})();
