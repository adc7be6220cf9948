"""Asks what Superset asks through psycopg2 and SQLAlchemy; a line that begins with FAIL is an expectation that did not hold."""

import datetime
import decimal
import sys

import psycopg2
import psycopg2.extras
import sqlalchemy as sa

host, port, user, password, roots = sys.argv[1:6]


def check(what, want, step):
    try:
        got = step()
    except Exception as e:  # every failure is a line of the report
        print("FAIL", what, repr(e).replace("\n", " ")[:600])
        return
    if got != want:
        print("FAIL", what, repr(got), "want", repr(want))


db = psycopg2.connect(host=host, port=port, user=user, password=password, dbname="onegrid", sslmode="verify-full", sslrootcert=roots, channel_binding="require")
cur = db.cursor()


def one(sql, args=None):
    cur.execute(sql, args)
    return cur.fetchall()


def state(sql):
    try:
        cur.execute(sql)
    except psycopg2.Error as e:
        db.rollback()
        return e.pgcode
    return None


check("values", (True, -7, 9007199254740993, decimal.Decimal(2) ** 64 - 1, 1.5, 0.1, decimal.Decimal("-12345.678900"), datetime.date(2026, 2, 28), '文字 "x"', "", [1, None, 3], ["a", None, "b c", '{"', ""], {"k": [1, 2]}),
      lambda: one("SELECT b, i1, i8, u8, f4, f8, d, da, t, te, li, lt, js FROM kinds WHERE b")[0])
check("times", datetime.datetime(2026, 2, 28, 13, 14, 15, 161718, tzinfo=datetime.timezone(datetime.timedelta(hours=8))), lambda: one("SELECT tz FROM kinds WHERE b")[0][0])
check("literals", [("a\\b'", 1, None, [1, 2], True)], lambda: one("SELECT %s, %s, %s, %s, %s", ("a\\b'", 1, None, [1, 2], True)))
check("list", [(185,)], lambda: one("SELECT count(*) FROM event WHERE county_code = ANY(%s) AND event_day >= %s", (["990101", "990102"], datetime.date(2026, 2, 3))))
check("tuple", [(60,)], lambda: one("SELECT count(*) FROM event WHERE category IN %s", ((1, 2),)))
check("hstore probe", ((), ()), lambda: psycopg2.extras.HstoreAdapter.get_oids(db) or ((), ()))
check("unknown column", "42703", lambda: state("SELECT nosuch FROM event"))
check("unknown table", "42P01", lambda: state("SELECT * FROM nosuch"))
check("insert", "25006", lambda: state("INSERT INTO event VALUES (1)"))
check("named cursor", "0A000", lambda: state("DECLARE c CURSOR FOR SELECT 1"))
db.close()

engine = sa.create_engine(sa.URL.create("postgresql+psycopg2", user, password, host, int(port), "onegrid", {"sslmode": "require"}))
i = sa.inspect(engine)
check("schemas", ["information_schema", "public"], lambda: sorted(i.get_schema_names()))
check("tables", ["area", "event", "freshness", "incident", "kinds"], lambda: sorted(i.get_table_names()))
check("views", ["generation"], lambda: i.get_view_names())
check("columns", [("event_id", "TEXT"), ("event_day", "DATE"), ("reported_at", "TIMESTAMP"), ("source_id", "TEXT"), ("county_code", "TEXT"), ("category", "INTEGER"), ("summary", "TEXT"), ("cost", "DOUBLE PRECISION"), ("closed", "BOOLEAN")],
      lambda: [(c["name"], str(c["type"])) for c in i.get_columns("event")])
check("column comment", "county · 区县", lambda: [c["comment"] for c in i.get_columns("event") if c["name"] == "county_code"][0])
check("decimal", "NUMERIC(18, 6)", lambda: [str(c["type"]) for c in i.get_columns("kinds") if c["name"] == "d"][0])
check("array", "INTEGER[]", lambda: [c["type"].compile(engine.dialect) for c in i.get_columns("kinds") if c["name"] == "li"][0])
check("comment", "governance events · 治理事件", lambda: i.get_table_comment("event")["text"])
check("primary key", [], lambda: i.get_pk_constraint("event")["constrained_columns"])
for what in ("get_foreign_keys", "get_indexes", "get_unique_constraints", "get_check_constraints"):
    check(what, [], lambda: getattr(i, what)("event"))
check("view text", True, lambda: "not shown" in i.get_view_definition("generation"))
check("no sequences", [], i.get_sequence_names)
check("no materialized views", [], i.get_materialized_view_names)
check("no enums", [], i.get_enums)
check("no domains", [], i.get_domains)
check("has", (True, False), lambda: (i.has_table("event"), i.has_table("nosuch")))


def reflected():
    m = sa.MetaData()
    m.reflect(engine, views=True)
    t = m.tables["event"]
    with engine.connect() as k:
        q = sa.select(sa.func.date_trunc("month", t.c.reported_at).label("m"), sa.func.count().label("n")).where(t.c.county_code.in_(["990101", "990102"])).group_by(sa.text("m")).order_by(sa.text("m"))
        return sorted(m.tables), [r.n for r in k.execute(q)]


check("reflection", (["area", "event", "freshness", "generation", "incident", "kinds"], [200]), reflected)
engine.dispose()
print("DONE")
