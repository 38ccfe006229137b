// The chat panel. Shows what it is given; knows no channel.

export class Chat {
  #unread = 0;

  constructor(send) {
    this.panel = document.getElementById('chat');
    this.log = document.getElementById('chat-log');
    this.button = document.getElementById('talk');
    this.badge = document.getElementById('unread');
    this.text = document.getElementById('chat-text');
    this.button.addEventListener('click', () => this.toggle());
    document.getElementById('chat-close').addEventListener('click', () => this.toggle(false));
    document.getElementById('chat-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.text.value.trim();
      if (text && send(text)) {
        this.add('You', text);
        this.text.value = '';
      }
    });
    this.panel.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.toggle(false);
    });
    this.clear();
  }

  toggle(open = this.panel.hidden) {
    this.panel.hidden = !open;
    this.button.setAttribute('aria-pressed', open);
    this.button.setAttribute('aria-expanded', open);
    if (open) {
      this.#count(0);
      this.text.focus();
      this.log.scrollTop = this.log.scrollHeight;
    } else {
      this.button.focus();
    }
  }

  clear() {
    this.log.replaceChildren(Object.assign(document.createElement('li'), { className: 'empty', textContent: 'No messages yet.' }));
    this.#count(0);
  }

  add(name, text) {
    this.log.querySelector('.empty')?.remove();
    const near = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
    const item = document.createElement('li');
    const who = Object.assign(document.createElement('div'), { className: 'who' });
    const time = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    who.append(Object.assign(document.createElement('b'), { textContent: name }), time);
    item.append(who, text);
    this.log.append(item);
    while (this.log.children.length > 500) this.log.firstChild.remove();
    if (near) this.log.scrollTop = this.log.scrollHeight;
    if (this.panel.hidden) this.#count(this.#unread + 1);
  }

  #count(unread) {
    this.#unread = unread;
    this.badge.hidden = unread === 0;
    this.badge.textContent = unread > 99 ? '99+' : unread;
    this.button.setAttribute('aria-label', unread ? `Chat, ${unread} unread` : 'Chat');
  }
}
