//! What the numbers mean that epoll and the timer wheel hand back.

/// What a token of the epoll set means.
#[derive(Clone, Copy)]
pub(super) enum Token {
    Wake,
    Udp(usize),
    Listener(usize),
    Tcp(usize),
}

impl Token {
    pub(super) fn to_u64(self) -> u64 {
        match self {
            Token::Wake => 0,
            Token::Udp(at) => 1 << 32 | at as u64,
            Token::Listener(at) => 2 << 32 | at as u64,
            Token::Tcp(at) => 3 << 32 | at as u64,
        }
    }

    pub(super) fn from_u64(token: u64) -> Self {
        let at = (token & 0xffff_ffff) as usize;
        match token >> 32 {
            1 => Token::Udp(at),
            2 => Token::Listener(at),
            3 => Token::Tcp(at),
            _ => Token::Wake,
        }
    }
}

/// Timer of the worker itself.
pub(super) const HOUSEKEEPING: u32 = 0;

pub(super) fn peer_timer(slot: u32) -> u32 {
    1 + 2 * slot
}

pub(super) fn room_timer(slot: u32) -> u32 {
    2 + 2 * slot
}
