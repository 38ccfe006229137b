"""How far each reader of the chain's events has come, on disk. A few old places are kept, to go back to."""

from medianode.wallet.tx.database import Database

KEPT = 32


class Cursors:
    """Positions by stream name: block numbers with their hashes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def places(self, stream: str) -> list[tuple[int, str]]:
        """Lists the places that are kept, the newest first."""
        rows = self._database.rows("select * from cursor where stream = ? order by block_number desc", stream)
        return [(row["block_number"], row["block_hash"]) for row in rows]

    def save(self, stream: str, block_number: int, block_hash: str) -> None:
        """Keeps a place; what lies after it is forgotten."""
        with self._database.transaction():
            self._database.execute(
                "delete from cursor where stream = ? and block_number >= ?", stream, block_number
            )
            self._database.execute("insert into cursor values(?,?,?)", stream, block_number, block_hash)
            self._database.execute(
                "delete from cursor where stream = ? and block_number not in"
                " (select block_number from cursor where stream = ? order by block_number desc limit ?)",
                stream,
                stream,
                KEPT,
            )
