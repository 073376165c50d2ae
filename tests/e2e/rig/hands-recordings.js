// What a person does with recordings, on top of hands.js.
"use strict";

Object.assign(window, (() => {
  const rows = () => [...the("recordings").children];
  const stateOf = (one) => one.querySelector(".state").textContent;

  /** By nobody: without a mark, for eyes as for screen readers. */
  const isMarked = () => the("recorded").getBoundingClientRect().height > 20;

  /** The first recording of the list, to be played. */
  const openFirst = async () => {
    await until("finished", () => rows().length && stateOf(rows()[0]) === "finished");
    await click(() => rows()[0].querySelector("button"), "the recording");
    await until("the recording", () => the("play").checkVisibility());
  };

  /** Sound that is decoded and goes on coming. */
  const listens = async () => {
    const sound = the("recording-sound");
    await click("play");
    const from = await until("sound", () => !sound.paused && sound.readyState >= 3 && (sound.currentTime || 0.001));
    await until("it goes on", () => sound.currentTime > from + 0.5);
    await click("play");
    await until("paused", () => sound.paused);
  };

  /** Where the slider is, in whole seconds. */
  const at = () => Number(the("wave").getAttribute("aria-valuenow"));

  /** A click in the middle of the waveform. */
  const pointAtMiddle = () => {
    const wave = the("wave");
    wave.scrollIntoView();
    const { left, top, width, height } = wave.getBoundingClientRect();
    for (const kind of ["pointerdown", "pointerup"]) {
      wave.dispatchEvent(new PointerEvent(kind, { pointerId: 1, clientX: left + width / 2, clientY: top + height / 2, bubbles: true }));
    }
  };

  /** The waveform from 0 to 1: silent in this span, and not after it. */
  const isSilentWithin = (from, to) => {
    const bars = [...document.querySelector("#wave-all").getAttribute("d").matchAll(/M([\d.]+) ([\d.]+)V([\d.]+)/g)]
      .map(([, x, top, bottom]) => ({ x: Number(x), height: bottom - top }));
    must(bars.length >= 100 && bars.length <= 240, `${bars.length} bars`);
    const loudest = (some) => Math.max(...some.map((one) => one.height));
    const within = loudest(bars.filter(({ x }) => x > from + 0.03 && x < to - 0.03));
    must(within < 0.02 && loudest(bars.filter(({ x }) => x > to)) > 0.1, `${within} in the pause, ${loudest(bars)} in all`);
  };

  /** A link for each of these files, by name and size in bytes, and what it leads to. */
  const canDownload = async (wanted) => {
    const links = [...document.querySelectorAll("[data-testid=download]")];
    must(links.length === wanted.length, `${links.length} links`);
    for (const [name, size] of wanted) {
      const link = links.find((one) => one.download.endsWith(`-${name}`));
      const authorization = `Bearer ${sessionStorage.getItem("omnigate.api-token")}`;
      const got = await (await fetch(link.href, { headers: { authorization } })).arrayBuffer();
      must(got.byteLength === size, `${name}: ${got.byteLength} of ${size}`);
    }
  };

  /** Clicks a link whose file the page fetches itself: its name and first bytes as text, once it is saved. */
  const savedBy = async (link) => {
    const saved = new Promise((done) => {
      const { createObjectURL } = URL;
      URL.createObjectURL = (blob) => {
        const address = createObjectURL(blob);
        HTMLAnchorElement.prototype.click = function () {
          done({ name: this.download, blob, isIt: this.href === address });
        };
        return address;
      };
    });
    link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    const { name, blob, isIt } = await saved;
    must(isIt, "another file was saved");
    return { name, begin: String.fromCharCode(...new Uint8Array(await blob.arrayBuffer()).slice(0, 4)) };
  };

  return { rows, stateOf, isMarked, openFirst, listens, at, pointAtMiddle, isSilentWithin, canDownload, savedBy };
})());
