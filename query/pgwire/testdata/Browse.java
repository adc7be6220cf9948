import java.sql.*;
import java.util.*;

/** Asks what a reporting tool asks through pgjdbc; a line that begins with FAIL is an expectation that did not hold. */
public class Browse {
    static Connection c;

    interface Step { Object run() throws Exception; }

    static void check(String what, Object want, Step step) {
        try {
            Object got = step.run();
            if (!Objects.equals(String.valueOf(got), String.valueOf(want))) {
                System.out.println("FAIL " + what + ": " + got + ", want " + want);
            }
        } catch (Throwable e) {
            System.out.println("FAIL " + what + ": " + e.toString().replace('\n', ' '));
        }
    }

    static List<String> column(ResultSet rs, String... names) throws SQLException {
        List<String> out = new ArrayList<>();
        while (rs.next()) {
            StringBuilder b = new StringBuilder();
            for (String n : names) {
                b.append(b.length() > 0 ? " " : "").append(rs.getString(n));
            }
            out.add(b.toString());
        }
        rs.close();
        return out;
    }

    static int count(ResultSet rs) throws SQLException {
        int n = 0;
        while (rs.next()) {
            for (int i = 1; i <= rs.getMetaData().getColumnCount(); i++) {
                rs.getObject(i);
            }
            n++;
        }
        rs.close();
        return n;
    }

    public static void main(String[] a) throws Exception {
        c = DriverManager.getConnection(a[0], a[1], a[2]);
        DatabaseMetaData m = c.getMetaData();
        check("product", "PostgreSQL 15.0", () -> m.getDatabaseProductName() + " " + m.getDatabaseProductVersion());
        check("valid", true, () -> c.isValid(5));
        check("catalog", "onegrid", () -> c.getCatalog());
        check("schema", "public", () -> c.getSchema());
        check("user", a[1], () -> m.getUserName());
        check("schemas", "[information_schema, pg_catalog, public]", () -> column(m.getSchemas(), "TABLE_SCHEM"));
        check("catalogs", "[onegrid]", () -> column(m.getCatalogs(), "TABLE_CAT"));
        check("table types", true, () -> column(m.getTableTypes(), "TABLE_TYPE").contains("TABLE"));
        check("tables", "[area TABLE, event TABLE, freshness TABLE, incident TABLE, kinds TABLE, generation VIEW]",
            () -> column(m.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"}), "TABLE_NAME", "TABLE_TYPE"));
        check("remarks", "[governance events · 治理事件]", () -> column(m.getTables(null, null, "event", null), "REMARKS"));
        check("columns", "[event_id text 12, event_day date 91, reported_at timestamptz 93, source_id text 12, county_code text 12, category int4 4, summary text 12, cost float8 8, closed bool -7]",
            () -> column(m.getColumns(null, "public", "event", "%"), "COLUMN_NAME", "TYPE_NAME", "DATA_TYPE"));
        check("column remarks", "[county · 区县]", () -> column(m.getColumns(null, "public", "event", "county_code"), "REMARKS"));
        check("decimal", "[18 6]", () -> column(m.getColumns(null, "public", "kinds", "d"), "COLUMN_SIZE", "DECIMAL_DIGITS"));
        check("all columns", 34, () -> count(m.getColumns(null, "public", "kinds", null)));
        check("keys", 0, () -> count(m.getPrimaryKeys(null, "public", "event")));
        check("imported", 0, () -> count(m.getImportedKeys(null, "public", "event")));
        check("exported", 0, () -> count(m.getExportedKeys(null, "public", "event")));
        check("indexes", 0, () -> count(m.getIndexInfo(null, "public", "event", false, true)));
        check("best row", 0, () -> count(m.getBestRowIdentifier(null, "public", "event", 0, true)));
        check("version columns", 1, () -> count(m.getVersionColumns(null, "public", "event")));
        check("types", true, () -> column(m.getTypeInfo(), "TYPE_NAME").containsAll(Arrays.asList("int4", "text", "timestamptz", "numeric", "uuid")));
        check("functions", true, () -> count(m.getFunctions(null, "public", "%")) == 0);
        check("procedures", true, () -> count(m.getProcedures(null, "public", "%")) == 0);
        check("procedure columns", 0, () -> count(m.getProcedureColumns(null, "public", "%", "%")));
        check("function columns", 0, () -> count(m.getFunctionColumns(null, "public", "%", "%")));
        check("udts", 0, () -> count(m.getUDTs(null, "public", "%", null)));
        check("privileges", true, () -> count(m.getTablePrivileges(null, "public", "event")) >= 0);
        check("column privileges", true, () -> count(m.getColumnPrivileges(null, "public", "event", "%")) >= 0);
        check("client info", true, () -> count(m.getClientInfoProperties()) > 0);
        check("cross reference", 0, () -> count(m.getCrossReference(null, "public", "event", null, "public", "area")));
        check("keywords", true, () -> m.getSQLKeywords() != null);
        check("name length", 63, () -> m.getMaxColumnNameLength());

        // From the sixth execution on the statement is prepared on the server, and values come in the binary form.
        check("server-side prepare", "100 100 100 100 100 100 100 100 100 100", () -> {
            StringBuilder b = new StringBuilder();
            try (PreparedStatement p = c.prepareStatement("SELECT count(*) FROM event WHERE county_code = ? AND event_day >= ?")) {
                for (int i = 0; i < 10; i++) {
                    p.setString(1, "99010" + i % 5);
                    p.setDate(2, java.sql.Date.valueOf("2026-01-01"));
                    try (ResultSet rs = p.executeQuery()) {
                        rs.next();
                        b.append(b.length() > 0 ? " " : "").append(rs.getInt(1));
                    }
                }
            }
            return b;
        });
        for (int run = 0; run < 8; run++) {
            check("values, run " + run, "true -7 -300 70000 9007199254740993 18446744073709551615 1.5 0.1 -12345.678900 2026-02-28 13:14:15 2026-02-28 13:14:15.161718 2026-02-28 05:14:15.161718 1 e2b5f2c0-0a57-4a5e-8d3c-0a1b2c3d4e5f 4 {\"k\": [1, 2]} 文字 \"x\" true [1, null, 3]", () -> {
                try (PreparedStatement p = kinds(); ResultSet rs = p.executeQuery()) {
                    rs.next();
                    Calendar utc = Calendar.getInstance(TimeZone.getTimeZone("UTC"));
                    return rs.getBoolean("b") + " " + rs.getShort("i1") + " " + rs.getShort("i2") + " " + rs.getInt("i4") + " " + rs.getLong("i8") + " " + rs.getBigDecimal("u8") + " " + rs.getFloat("f4") + " " + rs.getDouble("f8") + " "
                        + rs.getBigDecimal("d") + " " + rs.getDate("da") + " " + rs.getTime("ti") + " " + rs.getTimestamp("ts") + " " + rs.getTimestamp("tz", utc) + " " + ((org.postgresql.util.PGInterval) rs.getObject("iv")).getYears() + " "
                        + rs.getObject("u") + " " + rs.getBytes("bl").length + " " + rs.getString("js") + " " + rs.getString("t") + " " + rs.getString("te").isEmpty() + " " + Arrays.toString((Object[]) rs.getArray("li").getArray());
                }
            });
        }
        check("nulls", 34, () -> {
            try (Statement s = c.createStatement(); ResultSet rs = s.executeQuery("SELECT * FROM kinds WHERE b IS NULL")) {
                rs.next();
                int n = 0;
                for (int i = 1; i <= rs.getMetaData().getColumnCount(); i++) {
                    rs.getObject(i);
                    n += rs.wasNull() ? 1 : 0;
                }
                return n;
            }
        });
        check("arrays as parameters", 200, () -> {
            try (PreparedStatement p = c.prepareStatement("SELECT count(*) FROM event WHERE county_code = ANY(?)")) {
                p.setArray(1, c.createArrayOf("text", new Object[] {"990101", "990102"}));
                try (ResultSet rs = p.executeQuery()) {
                    rs.next();
                    return rs.getInt(1);
                }
            }
        });
        check("times as parameters", "9 9 18", () -> one("SELECT count(*) FROM event WHERE reported_at < ?", Timestamp.from(java.time.Instant.parse("2026-02-01T01:00:00Z"))) + " "
            + one("SELECT count(*) FROM event WHERE reported_at < ?", java.time.OffsetDateTime.parse("2026-02-01T09:00:00+08:00")) + " "
            + one("SELECT count(*) FROM event WHERE event_day = ?", java.time.LocalDate.parse("2026-02-03")));
        check("numbers as parameters", "500 30 30", () -> one("SELECT count(*) FROM event WHERE cost < ?", new java.math.BigDecimal("1000.5")) + " " + one("SELECT count(*) FROM event WHERE category = ?", 3) + " "
            + one("SELECT count(*) FROM event WHERE category = ?", 3L));
        check("named columns of a result", "count n", () -> {
            try (Statement s = c.createStatement(); ResultSet rs = s.executeQuery("SELECT count(*), 1 AS n FROM event")) {
                return rs.getMetaData().getColumnName(1) + " " + rs.getMetaData().getColumnLabel(2);
            }
        });
        check("described before it runs", "event_day date", () -> {
            try (PreparedStatement p = c.prepareStatement("SELECT event_day FROM event WHERE category = ?")) {
                return p.getMetaData().getColumnName(1) + " " + p.getMetaData().getColumnTypeName(1);
            }
        });
        check("table of a column", true, () -> {
            try (Statement s = c.createStatement(); ResultSet rs = s.executeQuery("SELECT * FROM event LIMIT 1")) {
                return rs.getMetaData().getTableName(1) != null && rs.getMetaData().isNullable(1) >= 0;
            }
        });
        // With a fetch size within a transaction the driver reads a portal in portions.
        check("fetch size", "500 after 7", () -> {
            c.setAutoCommit(false);
            int n = 0;
            try (Statement s = c.createStatement()) {
                s.setFetchSize(7);
                try (ResultSet rs = s.executeQuery("SELECT * FROM event ORDER BY event_id")) {
                    while (rs.next()) {
                        n++;
                        if (n == 7) {
                            one("SELECT count(*) FROM area WHERE code >= ?", "990100");
                        }
                    }
                }
            }
            c.commit();
            c.setAutoCommit(true);
            return n + " after 7";
        });
        check("fetch given up", "10 120", () -> {
            c.setAutoCommit(false);
            int n = 0;
            try (Statement s = c.createStatement()) {
                s.setFetchSize(5);
                ResultSet rs = s.executeQuery("SELECT * FROM event");
                while (n < 10 && rs.next()) {
                    n++;
                }
                rs.close();
            }
            c.rollback();
            c.setAutoCommit(true);
            return n + " " + one("SELECT count(*) FROM incident WHERE reports >= ?", 0);
        });
        String bomb = "SELECT count(*) FROM event a, event b, event c, event d WHERE a.category + b.category + c.category + d.category = 3";
        check("query timeout", "57014 true", () -> {
            long began = System.nanoTime();
            try (Statement s = c.createStatement()) {
                s.setQueryTimeout(1);
                s.executeQuery(bomb);
                return "no timeout";
            } catch (SQLException e) {
                return e.getSQLState() + " " + (System.nanoTime() - began < 4_000_000_000L);
            }
        });
        check("after a timeout", 500, () -> one("SELECT count(*) FROM event WHERE category >= ?", 0));
        check("read only", true, () -> {
            c.setReadOnly(true);
            boolean ok = c.isReadOnly() && one("SELECT count(*) FROM event WHERE category >= ?", 0).equals(500L);
            c.setReadOnly(false);
            return ok;
        });
        check("isolation", Connection.TRANSACTION_REPEATABLE_READ, () -> {
            c.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            return c.getTransactionIsolation();
        });
        check("savepoint", "25P02 1", () -> {
            c.setAutoCommit(false);
            String state = "";
            one("SELECT ?::INTEGER", 1);
            Savepoint sp = c.setSavepoint();
            try {
                one("SELECT nosuch FROM event WHERE category = ?", 1);
            } catch (SQLException e) {
                try {
                    one("SELECT ?::INTEGER", 1);
                } catch (SQLException e2) {
                    state = e2.getSQLState();
                }
            }
            c.rollback(sp);
            Object n = one("SELECT ?::INTEGER", 1);
            c.commit();
            c.setAutoCommit(true);
            return state + " " + n;
        });
        check("insert", "25006", () -> state("INSERT INTO event VALUES (1)"));
        check("unknown table", "42P01", () -> state("SELECT * FROM nosuch"));
        check("unknown column", "42703", () -> state("SELECT nosuch FROM event"));
        check("copy", "0A000", () -> {
            try {
                new org.postgresql.copy.CopyManager(c.unwrap(org.postgresql.core.BaseConnection.class)).copyOut("COPY event TO STDOUT", new java.io.ByteArrayOutputStream());
                return "no error";
            } catch (SQLException e) {
                return e.getSQLState();
            }
        });
        check("batch", "[1, 2]", () -> {
            try (Statement s = c.createStatement()) {
                List<Integer> out = new ArrayList<>();
                boolean more = s.execute("SELECT 1; SELECT 2");
                while (more) {
                    try (ResultSet rs = s.getResultSet()) {
                        rs.next();
                        out.add(rs.getInt(1));
                    }
                    more = s.getMoreResults();
                }
                return out;
            }
        });
        check("generation", true, () -> c.unwrap(org.postgresql.PGConnection.class).getParameterStatus("onegrid.generation").startsWith("7 "));
        check("schema set", "public", () -> { c.setSchema("public"); return c.getSchema(); });
        c.close();
        System.out.println("DONE");
    }

    static PreparedStatement kinds() throws SQLException {
        PreparedStatement p = c.prepareStatement("SELECT * FROM kinds WHERE b");
        p.unwrap(org.postgresql.PGStatement.class).setPrepareThreshold(1);
        return p;
    }

    static Object one(String sql, Object arg) throws SQLException {
        try (PreparedStatement p = c.prepareStatement(sql)) {
            p.setObject(1, arg);
            try (ResultSet rs = p.executeQuery()) {
                rs.next();
                return rs.getObject(1);
            }
        }
    }

    static String state(String sql) {
        try (Statement s = c.createStatement()) {
            s.execute(sql);
            return "no error";
        } catch (SQLException e) {
            return e.getSQLState();
        }
    }
}
