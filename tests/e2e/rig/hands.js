// What a person does on the page and sees of it; for the tests, which run their steps with these names in scope.
"use strict";

Object.assign(window, (() => {
  const the = (id) => document.querySelector(`[data-testid="${id}"]`);
  const words = (id) => the(id).textContent.trim();

  const must = (holds, told) => {
    if (!holds) throw new Error(told);
  };

  /** Waits until `seen` gives something. */
  // The files of a recording are made by a thread of the lowest priority: on a busy machine that takes its time.
  const LIMIT = 100_000;
  const until = async (what, seen) => {
    for (const end = Date.now() + LIMIT; Date.now() < end; ) {
      const found = seen();
      if (found) return found;
      await new Promise((done) => setTimeout(done, 25));
    }
    throw new Error(`not within ${LIMIT / 1000} s: ${what}; the page shows: ${document.body.innerText}`);
  };

  /** A person clicks what is there and can be clicked. */
  const click = async (node, what) => {
    const find = () => (typeof node === "string" ? the(node) : node());
    const shown = (one) => one?.checkVisibility() && !one.disabled && one;
    (await until(`to click: ${what ?? node}`, () => shown(find()))).click();
  };

  const type = async (id, text) => {
    const field = await until(`to type: ${id}`, () => the(id)?.checkVisibility() && the(id));
    field.focus();
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const choose = (id, value) => {
    the(id).value = value;
    the(id).dispatchEvent(new Event("change", { bubbles: true }));
  };

  const press = (id, key) =>
    the(id).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

  /** Signs in, in English, and waits for the lobby. */
  const signIn = async (user) => {
    // Modules of the page have run once its texts are there.
    await until("the page", () => words("sign-in"));
    choose("language", "en");
    await type("user-name", user);
    await click("sign-in");
    await inLobby();
  };

  const inLobby = () => until("lobby", () => the("create-room").checkVisibility());

  const tile = (about) =>
    [...document.querySelectorAll("[data-testid=tile]")].find((one) =>
      Object.entries(about).every(([name, value]) =>
        name === "name" ? one.textContent.includes(value) : one.dataset[name] === value));

  /** Frames that are decoded and go on coming. */
  const plays = async (about) => {
    const told = JSON.stringify(about);
    const video = await until(`a tile: ${told}`, () => tile(about)?.querySelector("video"));
    await until(`decoded video: ${told}`, () => video.videoWidth > 0);
    for (let frames = 0; frames < 5; frames += 1) {
      await Promise.race([
        new Promise((done) => video.requestVideoFrameCallback(done)),
        new Promise((_, fail) => setTimeout(() => fail(new Error(`${told} stands still`)), 10000)),
      ]);
    }
  };

  const row = (name) => [...the("participants").children].find((one) => one.textContent.includes(name));
  const line = (text) => [...the("chat-lines").children].find((one) => one.textContent.includes(text));

  /** On a mobile's screen, nothing sticks out or is cut off. */
  const fits = () => {
    if (innerWidth > 400) throw new Error(`${innerWidth} is no mobile`);
    const shown = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && !one.closest(".unseen, .tile"));
    const cut = shown.filter((one) =>
      one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 ||
      (one.matches("button, .name, h1") && one.scrollWidth > one.clientWidth + 1));
    if (cut.length) throw new Error(cut.map((one) => one.outerHTML).join());
  };

  const fitsInBothLanguages = () => {
    for (const language of ["en", "ko"]) {
      choose("language", language);
      fits();
    }
  };

  /** No words but Korean ones, and what `known` matches. */
  const isKorean = (nodes, known) => {
    const english = nodes.filter((one) => one.children.length === 0 && /[A-Za-z]{2}/.test(one.textContent.replace(known, "")));
    must(english.length === 0, english.map((one) => one.outerHTML).join());
  };

  // A browser without a screen has none to share.
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = document.createElement("canvas");
    const paint = canvas.getContext("2d");
    let hue = 0;
    setInterval(() => {
      hue += 7;
      paint.fillStyle = `hsl(${hue} 80% 50%)`;
      paint.fillRect(0, 0, 300, 150);
    }, 50);
    return canvas.captureStream(20);
  };

  return {
    the, words, must, until, click, type, choose, press, signIn, inLobby, tile, plays, row, line, fits, fitsInBothLanguages, isKorean,
  };
})());
