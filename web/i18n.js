// The words of the page. A text may hold {placeholders}.

const en = {
  title: 'Omnigate: phone calls in your browser',
  language: 'Language',
  headline: 'Phone calls in your browser',
  lead: 'Get a six-digit number. Whoever phones in and keys it reaches you here.',
  userName: 'Your name',
  optional: 'optional',
  serviceId: 'Service ID',
  serviceKey: 'Service key',
  signIn: 'Sign in',
  signingIn: 'Signing in…',
  signOut: 'Sign out',
  signedInAs: 'Signed in as {user}',
  myNumber: 'Take a phone call',
  myNumberLead: 'Your own number. Calls to it ring on this page.',
  getNumber: 'Get a number',
  yourNumber: 'Your number',
  waiting: 'Waiting for a call. Keep this page open.',
  dialHelp: 'Dial the service’s phone number, then key in these six digits.',
  copy: 'Copy',
  copied: 'Copied',
  rooms: 'Audio rooms',
  roomsLead: 'Talk with several people, in browsers and on phones.',
  subject: 'Room name',
  secret: 'Entry code',
  secretHelp: 'up to 6',
  createRoom: 'Create a room',
  openRooms: 'Open rooms',
  noRooms: 'No rooms yet. Create the first one.',
  roomsUnknown: 'The list of rooms could not be loaded. It is tried again by itself.',
  join: 'Join',
  joinRoom: 'Join {room}',
  secretFor: 'Entry code for {room}',
  unnamedRoom: 'Room {id}',
  people: '{count} inside',
  phoneNumber: 'number {number}',
  incoming: 'Incoming call',
  answer: 'Answer',
  decline: 'Decline',
  withheld: 'Number withheld',
  callWith: 'Call with {caller}',
  connecting: 'Connecting…',
  connected: 'Connected',
  interrupted: 'The sound is interrupted. Trying to get it back…',
  roomNumber: 'Phone in with this number',
  roomNumberNone: 'This room has no phone number.',
  participants: 'In this room',
  you: 'you',
  guest: 'Guest {number}',
  phone: 'phone',
  muted: 'muted',
  microphone: 'Microphone',
  microphoneLevel: 'Microphone level',
  mute: 'Mute',
  unmute: 'Unmute',
  leaveRoom: 'Leave room',
  hangUp: 'Hang up',
  duration: 'Duration',
  entered: '{who} has come in.',
  left: '{who} has left.',
  statusSignedOut: 'Not signed in',
  statusReady: 'Ready',
  statusWaiting: 'Waiting for a call',
  statusRinging: '{caller} is calling',
  statusConnecting: 'Connecting…',
  statusInCall: 'In a call with {caller}',
  statusInRoom: 'In a room',
  statusLost: 'Connection lost',
  titleRinging: '☎ {caller} is calling',
  endedByCaller: '{caller} has hung up. The call lasted {time}.',
  endedByYou: 'You have hung up. The call lasted {time}.',
  endedEarly: 'The call with {caller} ended before it was connected.',
  endedByServer: 'The call was ended by the service. It lasted {time}.',
  missed: 'Missed call from {caller} at {time}.',
  declined: 'You have declined the call from {caller}.',
  elsewhere: 'The call from {caller} was answered on another device.',
  leftRoom: 'You have left the room.',
  removed: 'Somebody has removed you from the room. You are signed in again.',
  roomClosed: 'The room was closed by the service. You are signed in again.',
  numberChanged: 'Your earlier number is no longer free. This is your new one.',
  numberGone: 'Your number could not be kept. Get a new one.',
  lostTitle: 'The connection is lost',
  lostBody: 'Calls cannot reach you now. Check your network, then reconnect.',
  lostShutdown: 'The service is being restarted. Reconnect in a moment.',
  reconnect: 'Reconnect',
  reconnecting: 'Reconnecting…',
  dismiss: 'Close message',
  hearOthers: 'Turn sound on',
  playbackBlocked: 'Your browser holds the sound back. Press “Turn sound on”.',
  errorConnect: 'The service cannot be reached. Check your network and try again.',
  errorClosed: 'The connection ended meanwhile. Try again.',
  errorTimeout: 'The service did not answer within 5 seconds. Try again.',
  errorRefused: 'The service refused this: {reason}',
  errorUnknown: 'This did not work: {reason}',
  errorKey: 'Service ID or key is wrong. Check both and sign in again.',
  errorFull: 'The service is full at the moment. Try again later.',
  errorRoomGone: 'This room does not exist any more. Choose another one.',
  errorRoomFull: 'This room is full. Choose another one.',
  errorSecret: 'The entry code is wrong. Ask whoever made the room.',
  errorSecretMissing: 'This room needs an entry code. Type it beside the room’s name.',
  errorNoNumber: 'No number is free at the moment. Try again later.',
  errorCallGone: 'The caller has hung up already.',
  errorMicrophoneRefused:
    'The microphone is blocked. Allow it for this page (the icon beside the address), then try again.',
  errorMicrophoneMissing: 'No microphone was found. Connect one, then try again.',
  errorMicrophoneBusy: 'The microphone cannot be opened. Close other programs that use it, then try again.',
  errorMicrophoneInsecure: 'Browsers give the microphone only to secure pages. Open this page with https.',
  errorMicrophoneEnded: 'The microphone was unplugged. The others cannot hear you: hang up and call again.',
  errorMedia: 'No sound connection to the service. A firewall may block UDP: try another network.',
};

const ko = {
  title: '옴니게이트: 브라우저로 받는 전화',
  language: '언어',
  headline: '브라우저로 받는 전화',
  lead: '여섯 자리 번호를 받으세요. 전화를 걸어 이 번호를 누르면 여기로 연결됩니다.',
  userName: '이름',
  optional: '선택',
  serviceId: '서비스 ID',
  serviceKey: '서비스 키',
  signIn: '로그인',
  signingIn: '로그인 중…',
  signOut: '로그아웃',
  signedInAs: '{user} 님으로 로그인됨',
  myNumber: '전화 받기',
  myNumberLead: '나만의 번호입니다. 이 번호로 걸려 온 전화가 이 페이지에서 울립니다.',
  getNumber: '번호 받기',
  yourNumber: '내 번호',
  waiting: '전화를 기다리고 있습니다. 이 페이지를 열어 두세요.',
  dialHelp: '서비스 대표번호로 전화한 다음 이 여섯 자리를 누르면 됩니다.',
  copy: '복사',
  copied: '복사됨',
  rooms: '음성 회의방',
  roomsLead: '브라우저와 전화로 여러 사람이 함께 이야기합니다.',
  subject: '방 이름',
  secret: '입장 코드',
  secretHelp: '최대 6자',
  createRoom: '방 만들기',
  openRooms: '열린 방',
  noRooms: '아직 방이 없습니다. 첫 번째 방을 만들어 보세요.',
  roomsUnknown: '방 목록을 불러오지 못했습니다. 자동으로 다시 시도합니다.',
  join: '입장',
  joinRoom: '{room} 입장',
  secretFor: '{room} 입장 코드',
  unnamedRoom: '방 {id}',
  people: '{count}명',
  phoneNumber: '번호 {number}',
  incoming: '전화가 왔습니다',
  answer: '받기',
  decline: '거절',
  withheld: '발신번호 표시 제한',
  callWith: '{caller} 님과 통화',
  connecting: '연결 중…',
  connected: '연결됨',
  interrupted: '소리가 끊겼습니다. 다시 연결하는 중…',
  roomNumber: '전화로 참여하는 번호',
  roomNumberNone: '이 방에는 전화번호가 없습니다.',
  participants: '참여자',
  you: '나',
  guest: '손님 {number}',
  phone: '전화',
  muted: '음소거됨',
  microphone: '마이크',
  microphoneLevel: '마이크 음량',
  mute: '음소거',
  unmute: '음소거 해제',
  leaveRoom: '방 나가기',
  hangUp: '끊기',
  duration: '통화 시간',
  entered: '{who} 님이 들어왔습니다.',
  left: '{who} 님이 나갔습니다.',
  statusSignedOut: '로그인 전',
  statusReady: '준비됨',
  statusWaiting: '전화 대기 중',
  statusRinging: '{caller} 님의 전화',
  statusConnecting: '연결 중…',
  statusInCall: '{caller} 님과 통화 중',
  statusInRoom: '회의방 참여 중',
  statusLost: '연결 끊김',
  titleRinging: '☎ {caller} 님의 전화',
  endedByCaller: '{caller} 님이 전화를 끊었습니다. 통화 시간 {time}.',
  endedByYou: '전화를 끊었습니다. 통화 시간 {time}.',
  endedEarly: '{caller} 님과의 통화가 연결되기 전에 끝났습니다.',
  endedByServer: '서비스에서 통화를 종료했습니다. 통화 시간 {time}.',
  missed: '{time}에 {caller} 님의 부재중 전화가 있습니다.',
  declined: '{caller} 님의 전화를 거절했습니다.',
  elsewhere: '{caller} 님의 전화를 다른 기기에서 받았습니다.',
  leftRoom: '방에서 나왔습니다.',
  removed: '다른 참여자가 나를 방에서 내보냈습니다. 다시 로그인되었습니다.',
  roomClosed: '서비스에서 방을 닫았습니다. 다시 로그인되었습니다.',
  numberChanged: '이전 번호를 더 이상 쓸 수 없어 새 번호를 받았습니다.',
  numberGone: '번호를 유지하지 못했습니다. 새 번호를 받으세요.',
  lostTitle: '연결이 끊겼습니다',
  lostBody: '지금은 전화를 받을 수 없습니다. 네트워크를 확인한 뒤 다시 연결하세요.',
  lostShutdown: '서비스가 다시 시작되는 중입니다. 잠시 후 다시 연결하세요.',
  reconnect: '다시 연결',
  reconnecting: '다시 연결하는 중…',
  dismiss: '메시지 닫기',
  hearOthers: '소리 켜기',
  playbackBlocked: '브라우저가 소리를 막고 있습니다. “소리 켜기”를 누르세요.',
  errorConnect: '서비스에 연결할 수 없습니다. 네트워크를 확인하고 다시 시도하세요.',
  errorClosed: '그 사이 연결이 끊겼습니다. 다시 시도하세요.',
  errorTimeout: '서비스가 5초 안에 응답하지 않았습니다. 다시 시도하세요.',
  errorRefused: '서비스가 요청을 거부했습니다: {reason}',
  errorUnknown: '처리하지 못했습니다: {reason}',
  errorKey: '서비스 ID 또는 키가 올바르지 않습니다. 확인한 뒤 다시 로그인하세요.',
  errorFull: '지금은 서비스 이용자가 가득 찼습니다. 나중에 다시 시도하세요.',
  errorRoomGone: '이 방은 더 이상 없습니다. 다른 방을 선택하세요.',
  errorRoomFull: '방이 가득 찼습니다. 다른 방을 선택하세요.',
  errorSecret: '입장 코드가 맞지 않습니다. 방을 만든 사람에게 물어보세요.',
  errorSecretMissing: '입장 코드가 필요한 방입니다. 방 이름 옆에 입력하세요.',
  errorNoNumber: '지금은 남은 번호가 없습니다. 나중에 다시 시도하세요.',
  errorCallGone: '상대방이 이미 전화를 끊었습니다.',
  errorMicrophoneRefused:
    '마이크가 차단되어 있습니다. 주소창 옆 아이콘에서 이 페이지의 마이크를 허용한 뒤 다시 시도하세요.',
  errorMicrophoneMissing: '마이크를 찾을 수 없습니다. 마이크를 연결한 뒤 다시 시도하세요.',
  errorMicrophoneBusy: '마이크를 열 수 없습니다. 마이크를 쓰는 다른 프로그램을 닫고 다시 시도하세요.',
  errorMicrophoneInsecure: '브라우저는 보안 페이지에서만 마이크를 허용합니다. https로 접속하세요.',
  errorMicrophoneEnded: '마이크가 분리되어 상대방이 들을 수 없습니다. 끊고 다시 통화하세요.',
  errorMedia: '서비스와 음성 연결이 되지 않습니다. 방화벽이 UDP를 막고 있을 수 있으니 다른 네트워크를 이용해 보세요.',
};

const dictionaries = { en, ko };
const STORED = 'omnigate.language';

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // storage may be forbidden
  }
}

function preferred() {
  const wanted = [stored(), ...(navigator.languages ?? [navigator.language])];
  return wanted.map((tag) => tag?.slice(0, 2).toLowerCase()).find((tag) => tag in dictionaries) ?? 'en';
}

let current = preferred();

export const language = () => current;

export function setLanguage(tag) {
  current = tag;
  try {
    localStorage.setItem(STORED, tag);
  } catch {
    // only the memory of the choice is lost
  }
}

/** The text of `key`, with {placeholders} filled in. */
export function t(key, values = {}) {
  return dictionaries[current][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

// The server's reasons, recognised by their beginnings.
const REASONS = [
  [/^Invalid service/, 'errorKey'],
  [/as many (sessions|rooms)/, 'errorFull'],
  [/^room_id names no room/, 'errorRoomGone'],
  [/^The room is full/, 'errorRoomFull'],
  [/^secret is missing/, 'errorSecretMissing'],
  [/^secret is/, 'errorSecret'],
  [/^No call number is free/, 'errorNoNumber'],
  [/^(No call rings|No such call)/, 'errorCallGone'],
];

const CODES = {
  connect: 'errorConnect',
  closed: 'errorClosed',
  timeout: 'errorTimeout',
  'microphone-refused': 'errorMicrophoneRefused',
  'microphone-missing': 'errorMicrophoneMissing',
  'microphone-busy': 'errorMicrophoneBusy',
  'microphone-insecure': 'errorMicrophoneInsecure',
};

/** An error as a text to show: `[key, values]` for `t`. */
export function explain(error) {
  if (CODES[error.code]) return [CODES[error.code], {}];
  if (error.code !== 'refused') return ['errorUnknown', { reason: error.message }];
  const known = REASONS.find(([pattern]) => pattern.test(error.message));
  return known ? [known[1], {}] : ['errorRefused', { reason: error.message }];
}
