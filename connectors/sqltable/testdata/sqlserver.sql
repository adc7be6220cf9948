-- set-up
SET LOCK_TIMEOUT 60000
-- clock
SELECT CONVERT(varchar(33), SYSUTCDATETIME(), 126) + 'Z'
-- dept.工单": first page
SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2 FROM [dept].[工单"] AS s WHERE s.[gxsj] <= CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) AND s.[jjdbh] IS NOT NULL ORDER BY s.[gxsj], s.[jjdbh] OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY
   s 2024-03-02 00:00:00
-- dept.工单": look-back page of a window
SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2 FROM [dept].[工单"] AS s WHERE s.[gxsj] >= CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) AND s.[gxsj] < CAST(CONVERT(DATETIME2, @p2, 121) AS DATETIME) AND s.[jjdbh] IS NOT NULL ORDER BY s.[gxsj], s.[jjdbh] OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY
   s 2024-03-01 08:00:00
   s 2024-03-02 00:00:00
-- dept.工单": next page
SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2 FROM [dept].[工单"] AS s WHERE s.[gxsj] >= CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) AND (s.[gxsj] > CAST(CONVERT(DATETIME2, @p2, 121) AS DATETIME) OR s.[jjdbh] > CAST(@p3 AS VARCHAR(8000))) AND s.[gxsj] <= CAST(CONVERT(DATETIME2, @p4, 121) AS DATETIME) AND s.[jjdbh] IS NOT NULL ORDER BY s.[gxsj], s.[jjdbh] OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY
   s 2024-03-01 08:00:00
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-02 00:00:00
-- dept.工单": rows of one position
SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2 FROM [dept].[工单"] AS s WHERE s.[gxsj] = CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) AND s.[jjdbh] = CAST(@p2 AS VARCHAR(8000))
   s 2024-03-01 08:00:00
   s 4711
-- dept.工单": rows without a position
SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2 FROM [dept].[工单"] AS s WHERE s.[gxsj] IS NULL OR s.[jjdbh] IS NULL OR s.[gxsj] > CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME)
   s 2024-03-02 00:00:00
-- dept.工单": everything
SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2 FROM [dept].[工单"] AS s
-- dept.工单": newest time
SELECT s.[gxsj] AS c0, s.[gxsj] AS o0 FROM [dept].[工单"] AS s WHERE s.[gxsj] <= CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) ORDER BY s.[gxsj] DESC OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY
   s 2024-03-02 00:00:00
-- dept.工单": largest key
SELECT s.[jjdbh] AS c0, s.[jjdbh] AS o0 FROM [dept].[工单"] AS s WHERE s.[jjdbh] IS NOT NULL ORDER BY s.[jjdbh] DESC OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY
-- to_rec+to_his_rec: first page
SELECT * FROM (SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 0 AS tag, s.[gxsj] AS o0, s.[jjdbh] AS o1 FROM [to_rec] AS s WHERE s.[gxsj] <= CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) AND s.[jjdbh] IS NOT NULL ORDER BY s.[gxsj], s.[jjdbh] OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY) AS b0 UNION ALL SELECT * FROM (SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 1 AS tag, s.[gxsj] AS o0, s.[jjdbh] AS o1 FROM [to_his_rec] AS s WHERE s.[gxsj] <= CAST(CONVERT(DATETIME2, @p2, 121) AS DATETIME) AND s.[jjdbh] IS NOT NULL ORDER BY s.[gxsj], s.[jjdbh] OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY) AS b1 ORDER BY o0, o1 OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY
   s 2024-03-02 00:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: look-back page of a window
SELECT * FROM (SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 0 AS tag, s.[gxsj] AS o0, s.[jjdbh] AS o1 FROM [to_rec] AS s WHERE s.[gxsj] >= CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) AND s.[gxsj] < CAST(CONVERT(DATETIME2, @p2, 121) AS DATETIME) AND s.[jjdbh] IS NOT NULL ORDER BY s.[gxsj], s.[jjdbh] OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY) AS b0 UNION ALL SELECT * FROM (SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 1 AS tag, s.[gxsj] AS o0, s.[jjdbh] AS o1 FROM [to_his_rec] AS s WHERE s.[gxsj] >= CAST(CONVERT(DATETIME2, @p3, 121) AS DATETIME) AND s.[gxsj] < CAST(CONVERT(DATETIME2, @p4, 121) AS DATETIME) AND s.[jjdbh] IS NOT NULL ORDER BY s.[gxsj], s.[jjdbh] OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY) AS b1 ORDER BY o0, o1 OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY
   s 2024-03-01 08:00:00
   s 2024-03-02 00:00:00
   s 2024-03-01 08:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: next page
SELECT * FROM (SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 0 AS tag, s.[gxsj] AS o0, s.[jjdbh] AS o1 FROM [to_rec] AS s WHERE s.[gxsj] >= CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) AND (s.[gxsj] > CAST(CONVERT(DATETIME2, @p2, 121) AS DATETIME) OR s.[jjdbh] > CAST(@p3 AS VARCHAR(8000))) AND s.[gxsj] <= CAST(CONVERT(DATETIME2, @p4, 121) AS DATETIME) AND s.[jjdbh] IS NOT NULL ORDER BY s.[gxsj], s.[jjdbh] OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY) AS b0 UNION ALL SELECT * FROM (SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 1 AS tag, s.[gxsj] AS o0, s.[jjdbh] AS o1 FROM [to_his_rec] AS s WHERE s.[gxsj] >= CAST(CONVERT(DATETIME2, @p5, 121) AS DATETIME) AND (s.[gxsj] > CAST(CONVERT(DATETIME2, @p6, 121) AS DATETIME) OR s.[jjdbh] > CAST(@p7 AS VARCHAR(8000))) AND s.[gxsj] <= CAST(CONVERT(DATETIME2, @p8, 121) AS DATETIME) AND s.[jjdbh] IS NOT NULL ORDER BY s.[gxsj], s.[jjdbh] OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY) AS b1 ORDER BY o0, o1 OFFSET 0 ROWS FETCH NEXT 101 ROWS ONLY
   s 2024-03-01 08:00:00
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-02 00:00:00
   s 2024-03-01 08:00:00
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: rows of one position
SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 0 AS tag FROM [to_rec] AS s WHERE s.[gxsj] = CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) AND s.[jjdbh] = CAST(@p2 AS VARCHAR(8000)) UNION ALL SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 1 AS tag FROM [to_his_rec] AS s WHERE s.[gxsj] = CAST(CONVERT(DATETIME2, @p3, 121) AS DATETIME) AND s.[jjdbh] = CAST(@p4 AS VARCHAR(8000))
   s 2024-03-01 08:00:00
   s 4711
   s 2024-03-01 08:00:00
   s 4711
-- to_rec+to_his_rec: rows without a position
SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 0 AS tag FROM [to_rec] AS s WHERE s.[gxsj] IS NULL OR s.[jjdbh] IS NULL OR s.[gxsj] > CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) UNION ALL SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 1 AS tag FROM [to_his_rec] AS s WHERE s.[gxsj] IS NULL OR s.[jjdbh] IS NULL OR s.[gxsj] > CAST(CONVERT(DATETIME2, @p2, 121) AS DATETIME)
   s 2024-03-02 00:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: everything
SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 0 AS tag FROM [to_rec] AS s UNION ALL SELECT s.[gxsj] AS c0, s.[jjdbh] AS c1, s.[报警]]内"容`] AS c2, 1 AS tag FROM [to_his_rec] AS s
-- to_rec+to_his_rec: newest time
SELECT * FROM (SELECT s.[gxsj] AS c0, s.[gxsj] AS o0 FROM [to_rec] AS s WHERE s.[gxsj] <= CAST(CONVERT(DATETIME2, @p1, 121) AS DATETIME) ORDER BY s.[gxsj] DESC OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY) AS b0 UNION ALL SELECT * FROM (SELECT s.[gxsj] AS c0, s.[gxsj] AS o0 FROM [to_his_rec] AS s WHERE s.[gxsj] <= CAST(CONVERT(DATETIME2, @p2, 121) AS DATETIME) ORDER BY s.[gxsj] DESC OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY) AS b1 ORDER BY o0 DESC OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY
   s 2024-03-02 00:00:00
   s 2024-03-02 00:00:00
-- to_rec+to_his_rec: largest key
SELECT * FROM (SELECT s.[jjdbh] AS c0, s.[jjdbh] AS o0 FROM [to_rec] AS s WHERE s.[jjdbh] IS NOT NULL ORDER BY s.[jjdbh] DESC OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY) AS b0 UNION ALL SELECT * FROM (SELECT s.[jjdbh] AS c0, s.[jjdbh] AS o0 FROM [to_his_rec] AS s WHERE s.[jjdbh] IS NOT NULL ORDER BY s.[jjdbh] DESC OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY) AS b1 ORDER BY o0 DESC OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY
