-- set-up
SET TRANSACTION READ ONLY
-- set-up
ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'
-- set-up
ALTER SESSION SET NLS_SORT = BINARY
-- set-up
ALTER SESSION SET NLS_COMP = BINARY
-- clock
SELECT TO_CHAR(SYS_EXTRACT_UTC(SYSTIMESTAMP), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"') FROM DUAL
-- dept.工单": first page
SELECT * FROM (SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2 FROM "DEPT"."工单""" s WHERE s."gxsj" <= TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh") WHERE ROWNUM <= 101
   s 2024-03-02 00:00:00
-- dept.工单": look-back page of a window
SELECT * FROM (SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2 FROM "DEPT"."工单""" s WHERE s."gxsj" >= TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."gxsj" < TO_DATE(SUBSTR(:2, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh") WHERE ROWNUM <= 101
   s 2024-03-01 08:00:00
   s 2024-03-02 00:00:00
-- dept.工单": next page
SELECT * FROM (SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2 FROM "DEPT"."工单""" s WHERE s."gxsj" >= TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND (s."gxsj" > TO_DATE(SUBSTR(:2, 1, 19), 'YYYY-MM-DD HH24:MI:SS') OR s."jjdbh" > TO_NUMBER(:3)) AND s."gxsj" <= TO_DATE(SUBSTR(:4, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh") WHERE ROWNUM <= 101
   s 2024-03-01 08:00:00
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-02 00:00:00
-- dept.工单": rows of one position
SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2 FROM "DEPT"."工单""" s WHERE s."gxsj" = TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" = TO_NUMBER(:2)
   s 2024-03-01 08:00:00
   s 4711
-- dept.工单": rows without a position
SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2 FROM "DEPT"."工单""" s WHERE s."gxsj" IS NULL OR s."jjdbh" IS NULL OR s."gxsj" > TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS')
   s 2024-03-02 00:00:00
-- dept.工单": everything
SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2 FROM "DEPT"."工单""" s
-- dept.工单": newest time
SELECT * FROM (SELECT s."gxsj" AS c0, s."gxsj" AS o0 FROM "DEPT"."工单""" s WHERE s."gxsj" <= TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') ORDER BY s."gxsj" DESC) WHERE ROWNUM <= 1
   s 2024-03-02 00:00:00
-- dept.工单": largest key
SELECT * FROM (SELECT TO_CHAR(s."jjdbh", 'TM9') AS c0, s."jjdbh" AS o0 FROM "DEPT"."工单""" s WHERE s."jjdbh" IS NOT NULL ORDER BY s."jjdbh" DESC) WHERE ROWNUM <= 1
-- to_rec+to_his_rec: first page
SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 0 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "TO_REC" s WHERE s."gxsj" <= TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh") WHERE ROWNUM <= 101) b0 UNION ALL SELECT * FROM (SELECT * FROM (SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 1 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "TO_HIS_REC" s WHERE s."gxsj" <= TO_DATE(SUBSTR(:2, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh") WHERE ROWNUM <= 101) b1 ORDER BY o0, o1) WHERE ROWNUM <= 101
   s 2024-03-02 00:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: look-back page of a window
SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 0 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "TO_REC" s WHERE s."gxsj" >= TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."gxsj" < TO_DATE(SUBSTR(:2, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh") WHERE ROWNUM <= 101) b0 UNION ALL SELECT * FROM (SELECT * FROM (SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 1 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "TO_HIS_REC" s WHERE s."gxsj" >= TO_DATE(SUBSTR(:3, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."gxsj" < TO_DATE(SUBSTR(:4, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh") WHERE ROWNUM <= 101) b1 ORDER BY o0, o1) WHERE ROWNUM <= 101
   s 2024-03-01 08:00:00
   s 2024-03-02 00:00:00
   s 2024-03-01 08:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: next page
SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 0 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "TO_REC" s WHERE s."gxsj" >= TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND (s."gxsj" > TO_DATE(SUBSTR(:2, 1, 19), 'YYYY-MM-DD HH24:MI:SS') OR s."jjdbh" > TO_NUMBER(:3)) AND s."gxsj" <= TO_DATE(SUBSTR(:4, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh") WHERE ROWNUM <= 101) b0 UNION ALL SELECT * FROM (SELECT * FROM (SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 1 AS tag, s."gxsj" AS o0, s."jjdbh" AS o1 FROM "TO_HIS_REC" s WHERE s."gxsj" >= TO_DATE(SUBSTR(:5, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND (s."gxsj" > TO_DATE(SUBSTR(:6, 1, 19), 'YYYY-MM-DD HH24:MI:SS') OR s."jjdbh" > TO_NUMBER(:7)) AND s."gxsj" <= TO_DATE(SUBSTR(:8, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" IS NOT NULL ORDER BY s."gxsj", s."jjdbh") WHERE ROWNUM <= 101) b1 ORDER BY o0, o1) WHERE ROWNUM <= 101
   s 2024-03-01 08:00:00
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-02 00:00:00
   s 2024-03-01 08:00:00
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: rows of one position
SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 0 AS tag FROM "TO_REC" s WHERE s."gxsj" = TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" = TO_NUMBER(:2) UNION ALL SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 1 AS tag FROM "TO_HIS_REC" s WHERE s."gxsj" = TO_DATE(SUBSTR(:3, 1, 19), 'YYYY-MM-DD HH24:MI:SS') AND s."jjdbh" = TO_NUMBER(:4)
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-01 08:00:00
   s 4711
-- to_rec+to_his_rec: rows without a position
SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 0 AS tag FROM "TO_REC" s WHERE s."gxsj" IS NULL OR s."jjdbh" IS NULL OR s."gxsj" > TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') UNION ALL SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 1 AS tag FROM "TO_HIS_REC" s WHERE s."gxsj" IS NULL OR s."jjdbh" IS NULL OR s."gxsj" > TO_DATE(SUBSTR(:2, 1, 19), 'YYYY-MM-DD HH24:MI:SS')
   s 2024-03-02 00:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: everything
SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 0 AS tag FROM "TO_REC" s UNION ALL SELECT s."gxsj" AS c0, TO_CHAR(s."jjdbh", 'TM9') AS c1, s."报警]内""容`" AS c2, 1 AS tag FROM "TO_HIS_REC" s
-- to_rec+to_his_rec: newest time
SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT s."gxsj" AS c0, s."gxsj" AS o0 FROM "TO_REC" s WHERE s."gxsj" <= TO_DATE(SUBSTR(:1, 1, 19), 'YYYY-MM-DD HH24:MI:SS') ORDER BY s."gxsj" DESC) WHERE ROWNUM <= 1) b0 UNION ALL SELECT * FROM (SELECT * FROM (SELECT s."gxsj" AS c0, s."gxsj" AS o0 FROM "TO_HIS_REC" s WHERE s."gxsj" <= TO_DATE(SUBSTR(:2, 1, 19), 'YYYY-MM-DD HH24:MI:SS') ORDER BY s."gxsj" DESC) WHERE ROWNUM <= 1) b1 ORDER BY o0 DESC) WHERE ROWNUM <= 1
   s 2024-03-02 00:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: largest key
SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT TO_CHAR(s."jjdbh", 'TM9') AS c0, s."jjdbh" AS o0 FROM "TO_REC" s WHERE s."jjdbh" IS NOT NULL ORDER BY s."jjdbh" DESC) WHERE ROWNUM <= 1) b0 UNION ALL SELECT * FROM (SELECT * FROM (SELECT TO_CHAR(s."jjdbh", 'TM9') AS c0, s."jjdbh" AS o0 FROM "TO_HIS_REC" s WHERE s."jjdbh" IS NOT NULL ORDER BY s."jjdbh" DESC) WHERE ROWNUM <= 1) b1 ORDER BY o0 DESC) WHERE ROWNUM <= 1
