// The page: from the address to the lobby, into a room and out of it.

import { Call } from './call.js';
import { Chat } from './chat.js';
import { Media } from './media.js';
import { insecureReason } from './problems.js';
import { arrange } from './tile.js';

const $ = (id) => document.getElementById(id);
const form = $('join');
const media = new Media();
const chat = new Chat((text) => call?.say(text) || (notice('The chat is not connected yet.'), false));
let call = null;

// Lobby

function prefill() {
  const query = new URLSearchParams(location.search);
  const secret = new URLSearchParams(location.hash.slice(1));
  const token = secret.get('token') ?? '';
  const claims = claimsOf(token);
  form.room.value = query.get('room') ?? claims.room ?? '';
  form.name.value = query.get('name') ?? claims.peer ?? remembered() ?? '';
  form.token.value = token;
  const reason = insecureReason();
  if (reason) {
    form.mic.checked = form.camera.checked = false;
    form.mic.disabled = form.camera.disabled = true;
    problem(reason);
  }
  ([form.room, form.name, form.token].find((field) => !field.value) ?? form.querySelector('.primary')).focus();
}

/** What a token says of itself; the node alone judges whether it is true. */
function claimsOf(token) {
  try {
    const text = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0)))) ?? {};
  } catch {
    return {};
  }
}

function remembered() {
  try { return localStorage.getItem('medianode.name'); } catch { return null; }
}

/** The node's names are letters, digits, dot, dash and underscore; what people read is told by the page itself. */
function nameOf(text) {
  const plain = text.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').replace(/[ßøØæÆœŒłŁđĐ]/g, (letter) => PLAIN[letter])
    .replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+|-+$/g, '').slice(0, 64);
  return plain || (text.trim() && `guest-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`);
}

const PLAIN = { ß: 'ss', ø: 'o', Ø: 'O', æ: 'ae', Æ: 'Ae', œ: 'oe', Œ: 'Oe', ł: 'l', Ł: 'L', đ: 'd', Đ: 'D' };

function problem(text) {
  $('join-problem').textContent = text;
  $('join-problem').hidden = !text;
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const [room, title, token] = ['room', 'name', 'token'].map((field) => form[field].value.trim());
  const name = claimsOf(token).peer ?? nameOf(title);
  if (!room || !title || !token) {
    problem(!room ? 'Which room?' : !title ? 'What is your name?' : 'A token is needed to get in.');
    return;
  }
  problem('');
  const button = form.querySelector('.primary');
  button.disabled = true;
  try {
    const refused = await openDevices();
    call = new Call({ room, name, title, token, media });
    follow(call);
    await call.enter();
    try { localStorage.setItem('medianode.name', form.name.value); } catch { /* not remembered, then */ }
    show(true);
    refused.forEach(notice);
  } catch (error) {
    call?.leave();
    call = null;
    media.close();
    problem(error.message);
  } finally {
    button.disabled = false;
  }
});

/** Opens what was asked for; what does not open is told, and does not keep anybody out. */
async function openDevices() {
  const problems = [];
  const wanted = [[form.mic, () => media.openAudio()], [form.camera, () => media.openVideo()]];
  for (const [field, open] of wanted) {
    if (field.checked) await open().catch((error) => problems.push(error.message));
  }
  return problems;
}

// Room

function show(inside) {
  $('lobby').hidden = inside;
  $('room').hidden = !inside;
  if (inside) {
    $('room-name').textContent = call.room;
    document.title = `${call.room} · medianode`;
    $('screen').disabled = !call.publishing || !navigator.mediaDevices?.getDisplayMedia;
    $('mic').disabled = $('camera').disabled = !call.publishing;
    $('chat-text').disabled = !call.publishing;
    refresh();
    layout();
  } else {
    document.title = 'medianode';
    $('stage').replaceChildren();
    $('notices').replaceChildren();
    chat.clear();
  }
}

function follow(current) {
  const on = (type, heard) => current.addEventListener(type, ({ detail }) => current === call && heard(detail));
  on('tiles', layout);
  on('people', (count) => { $('room-count').textContent = count === 1 ? 'only you so far' : `${count} people`; });
  on('state', ({ state, text }) => {
    $('room-state').className = `state ${state}`;
    $('room-state').textContent = text;
  });
  on('chat', ({ name, text }) => chat.add(name, text));
  on('notice', notice);
  on('sound', () => notice('The browser holds the sound back.', 'Play', () => {
    for (const tile of current.tiles()) tile.play();
  }));
  on('over', (text) => { leave(); problem(text); });
}

function layout() {
  if (!call) return;
  const stage = $('stage');
  const wanted = call.tiles().map((tile) => tile.element);
  for (const element of [...stage.children]) if (!wanted.includes(element)) element.remove();
  wanted.forEach((element, index) => {
    if (stage.children[index] !== element) stage.insertBefore(element, stage.children[index] ?? null);
  });
  arrange(stage);
  for (const tile of call.tiles()) if (tile.video.paused) tile.play();
  $('screen').setAttribute('aria-pressed', Boolean(call.sharing));
}

function refresh() {
  $('mic').querySelector('use').setAttribute('href', media.audio?.enabled ? '#i-mic' : '#i-mic-off');
  $('camera').querySelector('use').setAttribute('href', media.video ? '#i-camera' : '#i-camera-off');
  $('mic').setAttribute('aria-pressed', Boolean(media.audio?.enabled));
  $('camera').setAttribute('aria-pressed', Boolean(media.video));
}

function notice(text, action = '✕', act = () => {}) {
  if ([...$('notices').children].some((item) => item.firstChild.textContent === text)) return;
  const item = Object.assign(document.createElement('div'), { className: 'notice' });
  const button = Object.assign(document.createElement('button'), { textContent: action });
  if (action === '✕') button.setAttribute('aria-label', 'Dismiss');
  button.addEventListener('click', () => { item.remove(); act(); });
  item.append(Object.assign(document.createElement('span'), { textContent: text }), button);
  $('notices').append(item);
  if (action === '✕') setTimeout(() => item.remove(), 9000);
}

function leave() {
  call?.leave();
  call = null;
  media.close();
  show(false);
  form.querySelector('.primary').focus();
}

/** Runs what a button asks for, one at a time, and says what failed. */
async function attempt(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    notice(error.message);
  } finally {
    button.disabled = false;
    refresh();
  }
}

$('mic').addEventListener('click', () => attempt($('mic'), async () => {
  if (media.audio) call.setMuted(media.audio.enabled);
  else await call.useAudio(await media.openAudio());
}));

$('camera').addEventListener('click', () => attempt($('camera'), async () => {
  if (media.video) {
    media.closeVideo();
    await call.useVideo(null);
  } else {
    await call.useVideo(await media.openVideo());
  }
}));

$('screen').addEventListener('click', () => attempt($('screen'), async () => {
  if (call.sharing) {
    call.stopScreen();
    layout();
  } else {
    const tracks = await media.openScreen();
    if (tracks) await call.startScreen(tracks);
  }
}));

$('plots').addEventListener('click', () => {
  const on = $('stage').classList.toggle('plotting');
  $('plots').setAttribute('aria-pressed', on);
});

$('leave').addEventListener('click', leave);

// Devices

const pickers = { audioinput: $('pick-mic'), videoinput: $('pick-camera'), audiooutput: $('pick-speaker') };

$('choose').addEventListener('click', async () => {
  const devices = await media.devices();
  for (const [kind, picker] of Object.entries(pickers)) {
    const options = devices[kind].map((device, index) => new Option(device.label || `Device ${index + 1}`, device.deviceId));
    if (!options.length) options.push(new Option('none found', ''));
    picker.replaceChildren(...options);
    const current = { audioinput: media.audio, videoinput: media.video }[kind]?.getSettings().deviceId ?? media.chosen[kind];
    if (current) picker.value = current;
  }
  $('speaker-row').hidden = !('setSinkId' in HTMLMediaElement.prototype);
  $('devices').showModal();
});

for (const [kind, picker] of Object.entries(pickers)) {
  picker.addEventListener('change', () => attempt(picker, async () => {
    media.chosen[kind] = picker.value;
    if (kind === 'audiooutput') await call.setSpeaker(picker.value);
    else if (kind === 'audioinput' && media.audio) {
      const { enabled } = media.audio;
      const track = await media.openAudio();
      track.enabled = enabled;
      await call.useAudio(track);
    } else if (kind === 'videoinput' && media.video) await call.useVideo(await media.openVideo());
  }));
}

// Window

document.addEventListener('keydown', (event) => {
  if (!call || $('devices').open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.('input, select, textarea')) return;
  const button = { m: 'mic', v: 'camera', s: 'screen', c: 'talk', p: 'plots' }[event.key.toLowerCase()];
  if (button && !$(button).disabled) {
    event.preventDefault();
    $(button).click();
  }
});
new ResizeObserver(() => arrange($('stage'))).observe($('stage'));
window.addEventListener('pagehide', () => call?.leave());
window.addEventListener('pageshow', (event) => event.persisted && call && leave());

prefill();
