-- clock
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
-- dept.工单": first page
SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2 FROM "dept"."工单""" AS s WHERE s."gxsj" <= ? AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh" LIMIT 101
   s 2024-03-02 00:00:00
-- dept.工单": look-back page of a window
SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2 FROM "dept"."工单""" AS s WHERE s."gxsj" >= ? AND s."gxsj" < ? AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh" LIMIT 101
   s 2024-03-01 08:00:00
   s 2024-03-02 00:00:00
-- dept.工单": next page
SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2 FROM "dept"."工单""" AS s WHERE (s."gxsj", s."jjdbh") > (?, ?) AND s."gxsj" <= ? AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh" LIMIT 101
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-02 00:00:00
-- dept.工单": rows of one position
SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2 FROM "dept"."工单""" AS s WHERE s."gxsj" = ? AND s."jjdbh" = ?
   s 2024-03-01 08:00:00
   s 4711
-- dept.工单": rows without a position
SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2 FROM "dept"."工单""" AS s WHERE s."gxsj" IS NULL OR s."jjdbh" IS NULL OR s."gxsj" > ?
   s 2024-03-02 00:00:00
-- dept.工单": everything
SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2 FROM "dept"."工单""" AS s
-- dept.工单": newest time
SELECT +s."gxsj" AS c0, s."gxsj" AS o0 FROM "dept"."工单""" AS s WHERE s."gxsj" <= ? ORDER BY s."gxsj" DESC LIMIT 1
   s 2024-03-02 00:00:00
-- dept.工单": largest key
SELECT +s."jjdbh" AS c0, s."jjdbh" AS o0 FROM "dept"."工单""" AS s WHERE s."jjdbh" IS NOT NULL ORDER BY s."jjdbh" DESC LIMIT 1
-- to_rec+to_his_rec: first page
SELECT * FROM (SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 0 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "to_rec" AS s WHERE s."gxsj" <= ? AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh" LIMIT 101) AS b0 UNION ALL SELECT * FROM (SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 1 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "to_his_rec" AS s WHERE s."gxsj" <= ? AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh" LIMIT 101) AS b1 ORDER BY o0, o1 LIMIT 101
   s 2024-03-02 00:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: look-back page of a window
SELECT * FROM (SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 0 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "to_rec" AS s WHERE s."gxsj" >= ? AND s."gxsj" < ? AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh" LIMIT 101) AS b0 UNION ALL SELECT * FROM (SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 1 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "to_his_rec" AS s WHERE s."gxsj" >= ? AND s."gxsj" < ? AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh" LIMIT 101) AS b1 ORDER BY o0, o1 LIMIT 101
   s 2024-03-01 08:00:00
   s 2024-03-02 00:00:00
   s 2024-03-01 08:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: next page
SELECT * FROM (SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 0 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "to_rec" AS s WHERE (s."gxsj", s."jjdbh") > (?, ?) AND s."gxsj" <= ? AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh" LIMIT 101) AS b0 UNION ALL SELECT * FROM (SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 1 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "to_his_rec" AS s WHERE (s."gxsj", s."jjdbh") > (?, ?) AND s."gxsj" <= ? AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh" LIMIT 101) AS b1 ORDER BY o0, o1 LIMIT 101
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-02 00:00:00
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: rows of one position
SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 0 AS tag FROM "to_rec" AS s WHERE s."gxsj" = ? AND s."jjdbh" = ? UNION ALL SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 1 AS tag FROM "to_his_rec" AS s WHERE s."gxsj" = ? AND s."jjdbh" = ?
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-01 08:00:00
   s 4711
-- to_rec+to_his_rec: rows without a position
SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 0 AS tag FROM "to_rec" AS s WHERE s."gxsj" IS NULL OR s."jjdbh" IS NULL OR s."gxsj" > ? UNION ALL SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 1 AS tag FROM "to_his_rec" AS s WHERE s."gxsj" IS NULL OR s."jjdbh" IS NULL OR s."gxsj" > ?
   s 2024-03-02 00:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: everything
SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 0 AS tag FROM "to_rec" AS s UNION ALL SELECT +s."gxsj" AS c0, +s."jjdbh" AS c1, +s."报警]内""容`" AS c2, 1 AS tag FROM "to_his_rec" AS s
-- to_rec+to_his_rec: newest time
SELECT * FROM (SELECT +s."gxsj" AS c0, s."gxsj" AS o0 FROM "to_rec" AS s WHERE s."gxsj" <= ? ORDER BY s."gxsj" DESC LIMIT 1) AS b0 UNION ALL SELECT * FROM (SELECT +s."gxsj" AS c0, s."gxsj" AS o0 FROM "to_his_rec" AS s WHERE s."gxsj" <= ? ORDER BY s."gxsj" DESC LIMIT 1) AS b1 ORDER BY o0 DESC LIMIT 1
   s 2024-03-02 00:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: largest key
SELECT * FROM (SELECT +s."jjdbh" AS c0, s."jjdbh" AS o0 FROM "to_rec" AS s WHERE s."jjdbh" IS NOT NULL ORDER BY s."jjdbh" DESC LIMIT 1) AS b0 UNION ALL SELECT * FROM (SELECT +s."jjdbh" AS c0, s."jjdbh" AS o0 FROM "to_his_rec" AS s WHERE s."jjdbh" IS NOT NULL ORDER BY s."jjdbh" DESC LIMIT 1) AS b1 ORDER BY o0 DESC LIMIT 1
