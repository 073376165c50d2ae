"""PJSIP, a phone of somebody else's making, worked by lines.

    pjsua.py URI FROM HERTZ HEARD.WAV [sealed]

dials URI as the number FROM, says a tone, and keeps what it hears; media are sealed (SRTP) when that is said. Commands on stdin: `keys DIGITS`, `hold`, `resume`,
`update`, `renew`, `hang up`. Each event is a line on stdout: `state …`, `media …`, `hears`, `flows`, `got STATUS METHOD` (with
Session-Expires, if it is there), and as the last one `ended STATUS`, which is that of the BYE.
"""

import os
import queue
import re
import sys
import threading
import time

import pjsua2 as pj

# A level that noise does not reach, of 255, and how many seconds of it are speech.
LOUD = 12
SPEECH = 0.6
# Seconds that PJSIP asks for: the least that RFC 4028 allows.
SESSION_EXPIRES = 90


def say(*words):
    print(*words, flush=True)


class Log(pj.LogWriter):
    def write(self, entry):
        print(entry.msg, end="", file=sys.stderr, flush=True)


class Call(pj.Call):
    """The one call, its ear and its mouth."""

    def __init__(self, account, hertz, heard):
        super().__init__(account)
        self.over = False
        self.audio = None
        # Seconds of speech, until it has been said that there is some; and when that was looked at.
        self.heard = 0
        self.looked = time.monotonic()
        # RTP packets when the media last changed; None once more have come.
        self.packets = None
        self.ear = pj.AudioMediaRecorder()
        self.ear.createRecorder(heard)
        tone = pj.ToneDesc()
        tone.freq1, tone.freq2, tone.on_msec, tone.off_msec, tone.volume = hertz, 0, 1000, 0, 8000
        tones = pj.ToneDescVector()
        tones.append(tone)
        self.mouth = pj.ToneGenerator()
        self.mouth.createToneGenerator()
        self.mouth.play(tones, True)

    def onCallState(self, prm):
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.over = True
            self.audio = None
            say("ended", info.lastStatusCode, info.lastReason)
        else:
            say("state", info.stateText)

    def onCallMediaState(self, prm):
        info = self.getInfo()
        media = info.media[0]
        active = media.status == pj.PJSUA_CALL_MEDIA_ACTIVE
        self.audio = None
        if active:
            self.audio = self.getAudioMedia(0)
            self.audio.startTransmit(self.ear)
            self.mouth.startTransmit(self.audio)
        self.packets = self.received() if active else None
        say("media", "active" if active else "held" if media.status == pj.PJSUA_CALL_MEDIA_LOCAL_HOLD else "none")

    def onCallTsxState(self, prm):
        state = prm.e.body.tsxState
        if prm.e.type != pj.PJSIP_EVENT_TSX_STATE or state.type != pj.PJSIP_EVENT_RX_MSG:
            return
        message = state.src.rdata.wholeMsg
        answer = re.match(r"SIP/2\.0 (\d+)", message)
        if answer is None:
            return
        timer = re.search(r"^Session-Expires:\s*(.*?)\s*$", message, re.M | re.I)
        say("got", answer[1], state.tsx.method, *([f"Session-Expires: {timer[1]}"] if timer else []))

    def received(self):
        return self.getStreamStat(0).rtcp.rxStat.pkt

    def listen(self):
        """Tells what has been heard since."""
        if self.audio is None:
            return
        if self.packets is not None and self.received() > self.packets:
            self.packets = None
            say("flows")
        now = time.monotonic()
        if self.heard is not None and self.audio.getTxLevel() > LOUD:
            self.heard += now - self.looked
            if self.heard > SPEECH:
                self.heard = None
                say("hears")
        self.looked = now

    def obey(self, command):
        word, _, rest = command.partition(" ")
        if word == "keys":
            self.dialDtmf(rest)
        elif word == "hold":
            self.setHold(pj.CallOpParam(True))
        elif word == "resume":
            parameters = pj.CallOpParam(True)
            parameters.opt.flag = pj.PJSUA_CALL_UNHOLD
            self.reinvite(parameters)
        elif word == "renew":
            # Its media begin anew, with other keys; whether it hears is told once more.
            self.audio, self.heard = None, 0
            parameters = pj.CallOpParam(True)
            parameters.opt.flag = pj.PJSUA_CALL_REINIT_MEDIA
            self.reinvite(parameters)
        elif word == "update":
            self.update(pj.CallOpParam(True))
        elif word == "hang":
            self.hangup(pj.CallOpParam(True))
        else:
            raise ValueError(command)


def start(endpoint, log, transport):
    endpoint.libCreate()
    settings = pj.EpConfig()
    settings.logConfig.level = settings.logConfig.consoleLevel = 4
    settings.logConfig.writer = log
    # Everything happens in the one thread that asks for it.
    settings.uaConfig.threadCnt = 0
    settings.uaConfig.mainThreadOnly = True
    settings.medConfig.noVad = True
    settings.medConfig.ecTailLen = 0
    endpoint.libInit(settings)
    endpoint.audDevManager().setNullDev()
    for codec in endpoint.codecEnum2():
        wanted = codec.codecId.startswith(("PCMA", "PCMU"))
        endpoint.codecSetPriority(codec.codecId, 128 if wanted else 0)
    address = pj.TransportConfig()
    address.boundAddress = address.publicAddress = "127.0.0.1"
    endpoint.transportCreate(transport, address)
    endpoint.libStart()


def account(name, sealed):
    settings = pj.AccountConfig()
    settings.idUri = f"sip:{name}@127.0.0.1"
    settings.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS
    settings.callConfig.timerMinSESec = SESSION_EXPIRES
    settings.callConfig.timerSessExpiresSec = SESSION_EXPIRES
    # Else it sends UPDATEs of its own, which get in the way of those that are asked for.
    settings.mediaConfig.lockCodecEnabled = False
    rtp = settings.mediaConfig.transportConfig
    rtp.boundAddress = rtp.publicAddress = "127.0.0.1"
    rtp.port, rtp.portRange = 47000, 900
    if sealed:
        settings.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
        settings.mediaConfig.srtpSecureSignaling = 0
    made = pj.Account()
    made.create(settings)
    return made


def main():
    uri, name, hertz, heard, *sealed = sys.argv[1:]
    endpoint, log = pj.Endpoint(), Log()
    tcp = "transport=tcp" in uri
    start(endpoint, log, pj.PJSIP_TRANSPORT_TCP if tcp else pj.PJSIP_TRANSPORT_UDP)
    commands = queue.SimpleQueue()

    def read():
        for line in sys.stdin:
            commands.put(line.strip())
        # Whoever works the phone is gone.
        commands.put("hang up")

    threading.Thread(target=read, daemon=True).start()
    owner = account(name, bool(sealed))
    call = Call(owner, int(hertz), heard)
    call.makeCall(uri, pj.CallOpParam(True))
    while not call.over:
        endpoint.libHandleEvents(10)
        while not commands.empty():
            call.obey(commands.get())
        if not call.over:
            call.listen()
    # What it heard is in the file when the recorder is gone, which PJSIP's end waits for. Python would take its objects apart
    # after that, and they ask for what is not there any more.
    call.ear = None
    endpoint.libDestroy()
    sys.stderr.flush()
    os._exit(0)


main()
