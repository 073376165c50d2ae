// What a page needs before the SDK is loaded: the service's address, a microphone with known sound, a recorder.
"use strict";

const rig = (() => {
  const wanted = new URLSearchParams(location.search);
  const service = `ws://${wanted.get("service")}/ws`;

  // The SDKs know one address only; everything else of theirs runs as published.
  const sockets = [];
  const NativeSocket = window.WebSocket;
  window.WebSocket = function (url) {
    if (url !== "wss://lbs.omnitalk.io/ws") throw new Error(`unexpected address ${url}`);
    const socket = new NativeSocket(service);
    sockets.push(socket);
    return socket;
  };

  const context = new AudioContext({ sampleRate: 48000 });
  const microphone = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  navigator.mediaDevices.getUserMedia = async () => {
    await context.resume();
    return new MediaStream([microphone.stream.getAudioTracks()[0].clone()]);
  };

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

  return { wanted, tone, speak, listen, samples, event, begin, run, state, ways };
})();
