"""The tables of the history, version by version. A version that was released is never changed; a new one is added."""

VERSIONS = (
    """
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    metadata TEXT,
    locked INTEGER NOT NULL
);
CREATE TABLE sessions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    room TEXT NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL,
    most_present INTEGER NOT NULL DEFAULT 0,
    audio_seconds REAL NOT NULL DEFAULT 0,
    video_seconds REAL NOT NULL DEFAULT 0
);
CREATE INDEX sessions_of_room ON sessions (room, number);
CREATE INDEX running_sessions ON sessions (room) WHERE ended_at IS NULL;
CREATE TABLE participants (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    peer TEXT NOT NULL,
    role TEXT NOT NULL,
    metadata TEXT,
    joined_at REAL NOT NULL,
    present_since REAL NOT NULL,
    left_at REAL,
    UNIQUE (session, peer)
);
CREATE INDEX present_participants ON participants (session) WHERE left_at IS NULL;
CREATE TABLE tracks (
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    peer TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    since REAL NOT NULL,
    PRIMARY KEY (session, peer, name)
) WITHOUT ROWID;
CREATE TABLE numbers (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX outbox_of_endpoint ON outbox (endpoint, number);
""",
)
