// What a failure is called on the page.

// The server's reasons, recognised by their beginnings.
const REASONS = [
  [/^Invalid service/, 'errorKey'],
  [/as many (sessions|rooms)/, 'errorFull'],
  [/^room_id names no room/, 'errorRoomGone'],
  [/^The room is full/, 'errorRoomFull'],
  [/^Too many wrong secrets/, 'errorSecretsTooMany'],
  [/^Callee is busy/, 'errorBusy'],
  [/^callee is the user/, 'errorCallSelf'],
  [/^A screen is shared/, 'errorScreenTaken'],
  [/^This session has .* subscriptions/, 'errorTooManyVideos'],
  [/^No such participant/, 'errorParticipantGone'],
  [/^secret is missing/, 'errorSecretMissing'],
  [/^secret is/, 'errorSecret'],
  [/^No call number is free/, 'errorNoNumber'],
  [/^A recording of this session runs/, 'errorRecordingRuns'],
  [/^This session has recorded/, 'errorRecordedOnce'],
  [/^No recording of this session/, 'errorNoRecording'],
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
  'camera-refused': 'errorCameraRefused',
  'camera-missing': 'errorCameraMissing',
  'camera-busy': 'errorCameraBusy',
  'camera-insecure': 'errorCameraInsecure',
  'screen-refused': 'screenRefused',
  'screen-missing': 'errorScreenMissing',
  'screen-busy': 'errorScreenBusy',
  'screen-insecure': 'errorScreenInsecure',
};

/** An error as a text to show: `[key, values]` for `t`. */
export function explain(error) {
  if (CODES[error.code]) return [CODES[error.code], {}];
  if (error.code !== 'refused') return ['errorUnknown', { reason: error.message }];
  const known = REASONS.find(([pattern]) => pattern.test(error.message));
  return known ? [known[1], {}] : ['errorRefused', { reason: error.message }];
}
