// Types of omnitalk.js. Every rejection is an OmnitalkError; every method has an example that runs as it stands after
//
//   import { Omnitalk } from 'https://your-server/omnitalk.js';
//   const omnitalk = new Omnitalk('demo', 'demo');
//   await omnitalk.createSession('ann');

export type RoomType = 'audiocall' | 'videocall' | 'audioroom' | 'videoroom' | 'webinar' | 'sipcall';
export type CallType = 'audiocall' | 'videocall' | 'sipcall';
export type Track = 'audio' | 'video';
export type Resolution = 'QVGA' | 'VGA' | 'SD' | 'HD' | 'FHD' | '2K' | '4K';

export interface Person {
  /** Names the participant in kickOut, sendWhisper and subscribe. */
  session: string;
  user_id: string;
  user_name: string;
  call_type: CallType | 'unknown';
}

export interface Participant extends Person {
  audio_mute: boolean;
  video_mute: boolean;
}

export interface Publisher extends Participant {
  track: Track;
}

export interface Session {
  user_id: string;
  user_name: string;
  call_type: CallType | 'unknown';
  state: 'active' | 'busy';
}

export interface Room {
  room_id: string;
  room_type: RoomType;
  subject: string;
  /** A secret is needed to join. */
  secret: boolean;
  /** Participants present. */
  count: number;
  /** Unix seconds. */
  start_date: number;
  end_date: number;
  reg_date: number;
  /** The room has a telephone number: sip_number. */
  sip_support: boolean;
  sip_number?: string;
}

/** Ten entries to a page; `count` is the number of all. */
export interface Page<T> {
  list: T[];
  page: number;
  count: number;
}

export interface Joined {
  room_id: string;
  room_type: RoomType;
  /** Somebody shares a screen. */
  screen: boolean;
  call_number?: string;
}

export interface Published {
  /** Names this video for subscribe. */
  session: string;
  /** What is sent, for showing it to oneself. */
  stream: MediaStream;
}

export interface Subscribed {
  session: string;
  publisher_session: string;
  screen: boolean;
  /** For a video element's srcObject. */
  stream: MediaStream;
}

export interface Devices {
  audioinput: { deviceId: string; label: string }[];
  audiooutput: { deviceId: string; label: string }[];
  videoinput: { deviceId: string; label: string }[];
}

export interface About {
  session: string;
  user_id: string;
  user_name?: string;
  room_id?: string;
  room_type: RoomType;
  call_type: CallType;
}

/** Why a call is over. New ones may come. */
export type CallEndReason =
  | 'caller_hung_up'
  | 'callee_hung_up'
  | 'caller_lost'
  | 'callee_lost'
  | 'declined'
  | 'no_answer'
  | 'busy'
  /** The callee is not there; a telephone is switched off. */
  | 'unavailable'
  /** Nobody has this telephone number. */
  | 'unassigned'
  /** The telephone network has no place for the call. */
  | 'congestion'
  /** The telephone network does not let the call through. */
  | 'barred'
  /** No gateway of the telephone network answers. */
  | 'unreachable'
  /** The telephone network refuses the call for another reason. */
  | 'rejected'
  /** The longest time that a call may take is over. */
  | 'too_long'
  | 'not_joined'
  | 'no_audio'
  | 'kicked_out'
  | 'shutdown';

export interface Events {
  /** A call rings here. Answer with answerCall, decline with rejectCall or leave. */
  RINGING_EVENT: About & { caller: string; callee: string };
  /** The callee's phone or app rings. */
  RINGBACK_EVENT: { session: string; caller: string; callee: string; call_type: CallType };
  /** Somebody is in the room with sound; in a call: both sides are. */
  CONNECTED_EVENT: About;
  /** Somebody publishes a camera: subscribe to `session`. */
  BROADCASTING_EVENT: About;
  /** `reason` says why a call is over; a room has none. Ours: the vendor's SDKs are not told. */
  LEAVE_EVENT: About & { reason?: CallEndReason };
  KICKOUT_EVENT: About;
  /** Another device of this user has answered. */
  CANCEL_EVENT: { session: string };
  MUTE_EVENT: About & { track: Track };
  UNMUTE_EVENT: About & { track: Track };
  /** `session` is the screen's: subscribe to it. */
  SCREEN_SHARE_EVENT: About;
  SCREEN_UNSHARE_EVENT: About;
  MESSAGE_EVENT: {
    session: string;
    user_id: string;
    user_name: string;
    action: 'send' | 'whisper' | 'join' | 'leave';
    message?: string;
    /** Unix seconds. */
    timestamp: number;
  };
  /**
   * Whether the room or call is being recorded from now on, by anybody. Whoever joins while it is gets it too. Ours: the
   * vendor's API has no such event, and its SDKs are not told.
   */
  RECORDING_EVENT: About & { recorded: boolean };
  /** The socket has ended: after leave (1000), kick-out (4000), lost network (1006, 4001), shutdown (1001). */
  close: { code: number; reason: string };
  /** State of the sound connection, or `microphone-ended`. */
  media: { state: RTCPeerConnectionState | 'microphone-ended' };
  /** The browser plays sound only after a click: call resumePlayback from one. */
  'playback-blocked': Record<string, never>;
  /** A video call goes on without a camera. */
  'camera-failed': OmnitalkError;
  /** The screen share was ended in the browser's own dialog. */
  'screen-ended': Record<string, never>;
}

/** What this client finds wrong itself. */
export type ClientCode =
  /** No socket could be opened. */
  | 'connect'
  /** The socket has ended meanwhile. */
  | 'closed'
  /** The server did not answer within 5 s. */
  | 'timeout'
  /** The server said no, and has no code for it. */
  | 'refused'
  /** Not possible now, or not in this browser. */
  | 'state'
  /** The browser cannot make the connection for sound or video. */
  | 'media'
  /** The browser plays sound only after a click: call resumePlayback from one. */
  | 'playback-blocked'
  /** The browser cannot play the sound. */
  | 'playback-failed'
  /** A device: not on a page without https, not allowed, not there, or not to be opened. */
  | 'microphone-insecure' | 'microphone-refused' | 'microphone-missing' | 'microphone-busy'
  | 'camera-insecure' | 'camera-refused' | 'camera-missing' | 'camera-busy'
  | 'screen-insecure' | 'screen-refused' | 'screen-missing' | 'screen-busy'
  | 'loudspeaker-refused' | 'loudspeaker-missing' | 'loudspeaker-busy';

/** Why the server refused. A code keeps its meaning; new ones may come. */
export type ServerCode =
  /** A field that the request needs. */
  | 'field-missing'
  /** A field has a value that it cannot have. */
  | 'field-invalid'
  /** A field has more characters than it may have. */
  | 'field-too-long'
  /** A room would end before it begins. */
  | 'end-before-start'
  /** Service id or key is wrong. */
  | 'service-invalid'
  /** The join token is not valid, or its time is over. */
  | 'join-token-invalid'
  /** Whoever has come by a join token enters its room, and may do nothing else. */
  | 'join-token-narrow'
  /** This socket has a session already. */
  | 'session-exists'
  /** The server holds as many sessions as it may. */
  | 'sessions-full'
  /** The socket has no session yet. */
  | 'session-missing'
  /** The session is not the one of this socket. */
  | 'session-wrong'
  /** Possible only before joining. */
  | 'in-room'
  /** Possible only after joining. */
  | 'not-in-room'
  /** There is no such room, or no longer. */
  | 'room-unknown'
  /** Not the room that this session is in. */
  | 'room-wrong'
  /** The room needs a secret. */
  | 'secret-missing'
  /** The secret is not that of the room. */
  | 'secret-wrong'
  /** The room takes nobody else. */
  | 'room-full'
  /** The server holds as many rooms as it may. */
  | 'rooms-full'
  /** The call number that was wanted is somebody else's. */
  | 'number-in-use'
  /** No call number is free. */
  | 'numbers-exhausted'
  /** The directory of call numbers gives no answer. */
  | 'numbers-unavailable'
  /** The service has as many call numbers as it may have. */
  | 'numbers-full'
  /** The service has as many participants, calls or recordings as it may have. */
  | 'participants-full'
  | 'app-calls-full'
  | 'recordings-full'
  | 'storage-full'
  /** This client has made as many rooms, or has as many numbers, as one client may. */
  | 'rooms-share-used'
  | 'numbers-share-used'
  /** This client has written more than is delivered in this time. */
  | 'chat-too-much'
  /** Only the host of the room may do that: the user who made it. */
  | 'hosts-only'
  /** Too many numbers were asked for that others have: none is given but a drawn one for a while. */
  | 'wishes-too-many'
  /** Somebody else made this room: only who made it gives it a call number, or another one. */
  | 'not-your-room'
  /** The server's database is absent: rooms are neither made nor destroyed until it is back. */
  | 'store-absent'
  /** The server is about to stop; another one may take its place. */
  | 'draining'
  /** No call rings here: the caller has gone, or another device has answered. */
  | 'nothing-rings'
  /** Another call rings here than the one named. */
  | 'call-wrong'
  /** One cannot answer oneself. */
  | 'caller-is-self'
  /** One cannot call oneself. */
  | 'callee-is-self'
  /** The callee is in another call. */
  | 'callee-busy'
  /** Too many wrong secrets: the message says how long to wait. */
  | 'secrets-too-many'
  /** The track is published already. */
  | 'already-published'
  /** This type of room has no such thing. */
  | 'room-type-wrong'
  /** Somebody shares a screen in this room already. */
  | 'screen-taken'
  /** There is no such video in this room, or no longer. */
  | 'video-unknown'
  /** One's own video cannot be subscribed to. */
  | 'video-is-own'
  /** This session watches as many videos as it may. */
  | 'subscriptions-full'
  /** The video has ended before it could be shown. */
  | 'video-ended'
  /** The server cannot connect sound or video; the message says why. */
  | 'media-no-answer'
  /** There is no such participant in this room, or no longer. */
  | 'participant-unknown'
  /** It must be another participant. */
  | 'target-is-self'
  /** This session records already. */
  | 'recording-runs'
  /** This session has recorded in this stay already. */
  | 'recorded-once'
  /** This session records nothing. */
  | 'no-recording'
  /** Only sound can be recorded. */
  | 'only-sound'
  /** The server cannot record at the moment; the message says why. */
  | 'cannot-record'
  /** `callee` is no telephone number. */
  | 'callee-no-number'
  /** `callee` is an emergency number, which this server does not call. */
  | 'callee-emergency'
  /** This service may not call that telephone number; the message says which rule. */
  | 'callee-forbidden'
  /** No trunk of this server calls that telephone number. */
  | 'callee-no-trunk'
  /** There is no number that the call may show; the message says which rule. */
  | 'caller-number-missing'
  /** As many telephones are called as may be. */
  | 'calls-full'
  /** The service has used up its minutes of today. */
  | 'minutes-used'
  /** The server cannot call telephones at the moment. */
  | 'telephones-unavailable'
  /** The server did not call the telephone in time. */
  | 'telephones-slow'
  /** There is no telephone in this call to press keys for. */
  | 'telephone-missing'
  /** More keys than can be pressed at once. */
  | 'keys-too-many'
  /** This server does not know the request. */
  | 'request-unknown';

/** Every rejection. Decide by `code`; `message` is for people, and may change. `cause` is the browser's own error. */
export class OmnitalkError extends Error {
  code: ClientCode | ServerCode;
}

export class Omnitalk {
  /**
   * `url` of the signaling socket: default `/ws` of this page's server; `audio` plays what the others say; `joinToken` takes the place of
   * the service key: a guest's, for one room.
   *
   * @example
   * const there = new Omnitalk('demo', 'demo', { url: 'wss://calls.example.com/ws', audio: document.querySelector('audio') });
   */
  constructor(
    serviceId: string,
    serviceKey?: string,
    options?: { url?: string; audio?: HTMLAudioElement; iceServers?: RTCIceServer[]; joinToken?: string },
  );

  /** Own session id, or `''`. */
  readonly session: string;
  readonly userId: string;
  /** The room that one is in, or `''`. */
  readonly roomId: string;
  /** The microphone while it is open: for a level meter. */
  readonly localStream: MediaStream | null;
  readonly cameraStream: MediaStream | null;
  readonly screenStream: MediaStream | null;

  /**
   * @example
   * omnitalk.on('MESSAGE_EVENT', ({ user_name, message }) => console.log(user_name, message));
   */
  on<E extends keyof Events>(event: E, handler: (about: Events[E]) => void): this;

  /**
   * Connects and signs in. Without a user id the server makes one.
   * @example
   * const { session, user_id } = await new Omnitalk('demo', 'demo').createSession('bob');
   */
  createSession(userId?: string): Promise<{ session: string; user_id: string }>;

  /**
   * A six-digit number that a telephone caller keys in, for this session or for a room; before joining.
   * @example
   * const { call_number } = await omnitalk.makeSipNumber();
   */
  makeSipNumber(callNumber?: string, roomId?: string): Promise<{ call_number: string; room_id?: string }>;

  /**
   * Who else is signed in.
   * @example
   * const { list } = await omnitalk.sessionList();
   */
  sessionList(page?: number): Promise<Page<Session>>;

  /**
   * Creating does not join. `secret`: up to six characters.
   * @example
   * const { room_id } = await omnitalk.createRoom('videoroom', 'Morning', '123456');
   */
  createRoom(
    roomType: RoomType,
    subject?: string,
    secret?: string,
    startDate?: Date,
    endDate?: Date,
  ): Promise<{ room_id: string }>;

  /**
   * Takes a room off the list; those inside go on until they leave.
   * @example
   * await omnitalk.destroyRoom((await omnitalk.createRoom('audioroom')).room_id);
   */
  destroyRoom(roomId: string): Promise<{ room_id: string }>;

  /**
   * @example
   * const { list } = await omnitalk.roomList('videoroom');
   */
  roomList(roomType?: RoomType | 'all', page?: number): Promise<Page<Room> & { room_type: RoomType | 'all' }>;

  /**
   * Opens the microphone, joins and talks.
   * @example
   * await omnitalk.joinRoom((await omnitalk.createRoom('audioroom')).room_id, undefined, 'Ann');
   */
  joinRoom(roomId: string, secret?: string, userName?: string): Promise<Joined>;

  /**
   * The others in the room.
   * @example
   * const { list } = await omnitalk.partiList();
   */
  partiList(page?: number): Promise<Page<Participant>>;

  /**
   * Those who publish a camera.
   * @example
   * for (const { session } of (await omnitalk.publishList()).list) await omnitalk.subscribe(session);
   */
  publishList(page?: number): Promise<Page<Publisher>>;

  /**
   * Screens that are shared.
   * @example
   * for (const { session } of (await omnitalk.screenList()).list) await omnitalk.subscribe(session);
   */
  screenList(): Promise<Page<Person>>;

  /**
   * Ends the session of another participant of the room; a telephone is hung up.
   * @example
   * const { list: [first] } = await omnitalk.partiList();
   * if (first) await omnitalk.kickOut(first.session);
   */
  kickOut(session: string): Promise<{ target: string }>;

  /**
   * Calls a user of the service, or with `sipcall` a telephone, by its number in any usual notation. RINGBACK_EVENT, then
   * CONNECTED_EVENT or LEAVE_EVENT follow; what a telephone says before it answers is heard.
   * @example
   * await omnitalk.offerCall('videocall', 'bob');
   */
  offerCall(callType: CallType, callee: string): Promise<Joined>;

  /**
   * Presses keys for the telephone in this call: 0 to 9, *, #, A to D; at most 32. Ours: the vendor's API has no such method.
   * @example
   * omnitalk.on('CONNECTED_EVENT', ({ call_type }) => call_type === 'sipcall' && omnitalk.sendKeys('1'));
   */
  sendKeys(keys: string): Promise<void>;

  /**
   * Answers the call that rings.
   * @example
   * omnitalk.on('RINGING_EVENT', () => omnitalk.answerCall());
   */
  answerCall(callType?: CallType, caller?: string): Promise<Joined>;

  /**
   * Declines the call that rings and keeps the session with its number, unlike leave.
   * @example
   * omnitalk.on('RINGING_EVENT', () => omnitalk.rejectCall());
   */
  rejectCall(): Promise<void>;

  /**
   * Publishes the camera, in a videoroom or webinar; a videocall does it by itself.
   * @example
   * document.querySelector('video').srcObject = (await omnitalk.publish()).stream;
   */
  publish(): Promise<Published>;

  /**
   * Shares a screen or window beside the camera; one sharer a room.
   * @example
   * document.querySelector('video').srcObject = (await omnitalk.screenShare()).stream;
   */
  screenShare(): Promise<Published>;

  /**
   * @example
   * await omnitalk.screenUnshare();
   */
  screenUnshare(): Promise<void>;

  /**
   * Watches a camera or screen; at most 32.
   * @example
   * omnitalk.on('BROADCASTING_EVENT', async ({ session }) => {
   *   document.querySelector('video').srcObject = (await omnitalk.subscribe(session)).stream;
   * });
   */
  subscribe(session: string): Promise<Subscribed>;

  /**
   * @example
   * for (const { session } of (await omnitalk.publishList()).list) await omnitalk.unsubscribe(session);
   */
  unsubscribe(session: string): Promise<{ session: string; publisher_session: string }>;

  /**
   * Size of the own camera's picture.
   * @example
   * await omnitalk.setResolution('HD');
   */
  setResolution(name: Resolution): Promise<void>;

  /**
   * Labels are empty until a device was opened once.
   * @example
   * const { audioinput, audiooutput, videoinput } = await omnitalk.getDeviceList();
   */
  getDeviceList(): Promise<Devices>;

  /**
   * Another microphone, now and from now on.
   * @example
   * await omnitalk.setAudioInput((await omnitalk.getDeviceList()).audioinput[0].deviceId);
   */
  setAudioInput(deviceId: string): Promise<void>;

  /**
   * Another loudspeaker, where the browser lets one choose.
   * @example
   * await omnitalk.setAudioOutput((await omnitalk.getDeviceList()).audiooutput[0].deviceId);
   */
  setAudioOutput(deviceId: string): Promise<void>;

  /**
   * Another camera, now and from now on.
   * @example
   * await omnitalk.setVideoDevice((await omnitalk.getDeviceList()).videoinput[0].deviceId);
   */
  setVideoDevice(deviceId: string): Promise<void>;

  /**
   * Mutes at the server, for everybody, and stops sending.
   * @example
   * await omnitalk.setMute('video');
   */
  setMute(track?: Track): Promise<void>;

  /**
   * @example
   * await omnitalk.setUnmute('video');
   */
  setUnmute(track?: Track): Promise<void>;

  /**
   * To all others in the room; 1 to 2048 characters.
   * @example
   * await omnitalk.sendMessage('Hello');
   */
  sendMessage(message: string): Promise<void>;

  /**
   * To one of messageList.
   * @example
   * for (const { session } of (await omnitalk.messageList()).list) await omnitalk.sendWhisper('Hello', session);
   */
  sendWhisper(message: string, session: string): Promise<void>;

  /**
   * Who can be written to.
   * @example
   * const { list } = await omnitalk.messageList();
   */
  messageList(): Promise<Page<Person>>;

  /**
   * Records the sound of room or call, once a stay, until recordingStop or leave. RECORDING_EVENT tells everybody.
   * Resolves when the server's disk has the recording; `cannot-record` when that takes nothing.
   * @example
   * await omnitalk.recordingStart();
   */
  recordingStart(): Promise<void>;

  /**
   * Ends one's own recording, for this stay.
   * @example
   * await omnitalk.recordingStop();
   */
  recordingStop(): Promise<void>;

  /**
   * Ends room, call and session; `close` follows.
   * @example
   * await omnitalk.leave();
   */
  leave(): Promise<void>;

  /**
   * Asks for the microphone ahead of time.
   * @example
   * await omnitalk.openMicrophone();
   */
  openMicrophone(): Promise<void>;

  /** Gives the microphone back that openMicrophone has opened, if nothing came of it. */
  closeMicrophone(): void;

  /**
   * Tries once more to play the others' sound, from within a click.
   * @example
   * document.querySelector('button').onclick = () => omnitalk.resumePlayback();
   */
  resumePlayback(): Promise<void>;
}
