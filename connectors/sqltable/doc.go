// Package sqltable is the connector kind for systems whose records lie in a relational database: it polls tables or a
// query through database/sql in PostgreSQL, MySQL/MariaDB, SQLite, SQL Server and Oracle.
//
// # What it promises
//
// Every row version that is visible in the database when a reading ends, with a time at or below the reading's upper
// bound, has been delivered at least once since the checkpoint the reading began from. Rows may come twice.
//
//   - The position of a stream is a tuple (time, key). Pages are cut by that tuple, never by an offset, so rows that
//     share a time, or even the whole tuple, are not lost at the edge of a page.
//   - The upper bound of a reading is frozen when it starts: the newest row there is, not above the clock of the
//     database minus lag. A reading that was cut short is finished up to its own bound first; only then a new one
//     begins, lookback before the last row. So a row committed late is found if it is late by less than lookback, by
//     the clock that stamps the rows, however long the hub was away.
//   - Rows without a usable position (null time or key, a time more than a day in the future) cannot be paged. They are
//     read in one statement at the end of every reading, so nothing is lost and they come again each time.
//   - Several tables of one stream share one position and every page is a single statement over all of them, hence one
//     snapshot: a row that the vendor moves from the live table to the history table, in either direction, is seen in
//     one or the other. A row that is gone is not a deletion. The checkpoint still holds a cursor for each table; a
//     table that is added later starts the stream from the beginning.
//   - A stream without a cursor is read whole in one statement at every run.
//   - An id-only cursor sees new rows, never changes of old ones.
//
// # Dialects
//
// A database is one value of the dialect struct. PostgreSQL, MariaDB and SQLite are tested against the real engine.
// The SQL of SQL Server and Oracle is held by golden files only.
//
// SQL Server: with several tables in a stream the database should allow snapshot isolation; without it a statement is
// not a snapshot and the run carries the note no_snapshot.
//
// Oracle: pages use ROWNUM, which works from 11g on, unlike OFFSET/FETCH (12c). Bound times go through TO_DATE and
// TO_TIMESTAMP with explicit formats, so NLS settings do not matter. A database whose character set is US7ASCII or
// WE8ISO8859P1 but holds GBK bytes needs charset: gb18030 on the stream: the columns are then read through
// UTL_RAW.CAST_TO_RAW, which passes at most 2,000 bytes on databases without MAX_STRING_SIZE=EXTENDED.
//
// It is not for change data capture, not for writing, and not for joining sources: the mapping names columns, the
// connector passes them on as text.
package sqltable
