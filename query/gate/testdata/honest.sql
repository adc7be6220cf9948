-- Queries that must pass and run. Each ends with a semicolon at the end of a line; a line "-- params: a, b" gives text for its parameters.

-- duty room: open by district
SELECT county_code, count(*) AS open FROM event WHERE status NOT IN ('closed', 'cancelled') GROUP BY county_code ORDER BY open DESC;
-- duty room: due within two hours
SELECT event_id, title, due_at, due_at - now() AS remaining FROM event WHERE status <> 'closed' AND due_at BETWEEN now() AND now() + INTERVAL 2 HOUR ORDER BY due_at LIMIT 50;
-- duty room: last 24 hours by category
SELECT c.name_zh, count(*) AS n FROM event e LEFT JOIN category c ON e.category = c.code WHERE e.reported_at >= now() - INTERVAL '24 hours' GROUP BY ALL ORDER BY n DESC;
-- one incident with its reports
-- params: i1
SELECT i.incident_id, i.first_reported, e.event_id, e.source_id, e.reported_at, e.title FROM incident i JOIN event e USING (incident_id) WHERE i.incident_id = $1 ORDER BY e.reported_at;
-- a month by unit
SELECT o.name AS unit, date_trunc('month', e.reported_at) AS month, count(*) FILTER (WHERE e.status = 'closed') AS closed, count(*) AS total, round(100.0 * count(*) FILTER (WHERE e.closed_at <= e.due_at) / nullif(count(*) FILTER (WHERE e.status = 'closed'), 0), 1) AS on_time_pct FROM event e JOIN org o ON o.code = e.owner_org_code GROUP BY 1, 2 ORDER BY 2, 1;
-- overdue now
SELECT county_code, count(*) AS overdue, max(now() - due_at) AS worst FROM event WHERE status <> 'closed' AND due_at < now() GROUP BY county_code HAVING count(*) > 0;
-- freshness
SELECT source_id, last_read, age(last_read) AS silence, CASE WHEN last_read < now() - INTERVAL 1 DAY THEN '停更' ELSE '正常' END AS 状态 FROM freshness ORDER BY last_read NULLS FIRST;
-- heat by hour and weekday
SELECT dayofweek(reported_at) AS d, extract(hour FROM reported_at AT TIME ZONE 'Asia/Shanghai') AS h, count(*) AS n FROM event GROUP BY d, h ORDER BY d, h;
-- percentiles of the time to close
SELECT category, percentile_cont(0.5) WITHIN GROUP (ORDER BY epoch(closed_at - reported_at)) AS p50, quantile_cont(epoch(closed_at - reported_at), [0.5, 0.9, 0.95]) AS q, median(epoch(closed_at - reported_at)), approx_quantile(epoch(closed_at - reported_at), 0.9) FROM event WHERE closed_at IS NOT NULL GROUP BY category;
-- running total and moving average
SELECT day, n, sum(n) OVER (ORDER BY day ROWS UNBOUNDED PRECEDING) AS total, avg(n) OVER w AS week, lag(n, 7) OVER (ORDER BY day) AS week_before FROM (SELECT event_day AS day, count(*) AS n FROM event GROUP BY 1) WINDOW w AS (ORDER BY day RANGE BETWEEN INTERVAL 6 DAY PRECEDING AND CURRENT ROW) ORDER BY day;
-- top three categories of each district
SELECT county_code, category, n FROM (SELECT county_code, category, count(*) AS n FROM event GROUP BY ALL) QUALIFY row_number() OVER (PARTITION BY county_code ORDER BY n DESC, category) <= 3;
-- share of the whole
SELECT category, count(*) AS n, count(*) * 1.0 / sum(count(*)) OVER () AS share, rank() OVER (ORDER BY count(*) DESC) AS r, ntile(4) OVER (ORDER BY count(*)) AS quarter FROM event GROUP BY category;
-- calendar join, days without events included
SELECT d::DATE AS day, count(e.event_id) AS n FROM generate_series(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-31', INTERVAL 1 DAY) AS cal(d) LEFT JOIN event e ON e.event_day = d::DATE GROUP BY 1 ORDER BY 1;
-- calendar from the data
WITH bounds AS (SELECT min(event_day) AS lo, max(event_day) AS hi FROM event), days AS (SELECT unnest(generate_series(lo, hi, INTERVAL 1 DAY))::DATE AS day FROM bounds) SELECT day, coalesce(n, 0) AS n FROM days LEFT JOIN (SELECT event_day AS day, count(*) AS n FROM event GROUP BY 1) USING (day) ORDER BY day;
-- numbers
SELECT i, chr(64 + i::INT) FROM range(1, 27) t(i);
-- recursive: children of an area
WITH RECURSIVE tree AS (SELECT code, parent, name, 0 AS depth FROM area WHERE parent IS NULL UNION ALL SELECT a.code, a.parent, a.name, t.depth + 1 FROM area a JOIN tree t ON a.parent = t.code WHERE t.depth < 5) SELECT depth, count(*) FROM tree GROUP BY depth ORDER BY depth;
-- recursive: chain of transfers
WITH RECURSIVE chain(event_id, from_id, hops) AS (SELECT event_id, upstream_record_id, 1 FROM event WHERE upstream_record_id IS NOT NULL UNION SELECT c.event_id, e.upstream_record_id, hops + 1 FROM chain c JOIN event e ON e.source_record_id = c.from_id WHERE hops < 10) SELECT max(hops) FROM chain;
-- recursive with a key
WITH RECURSIVE best(code, depth) USING KEY (code) AS (SELECT code, 0 FROM area WHERE parent IS NULL UNION SELECT a.code, b.depth + 1 FROM best b JOIN area a ON a.parent = b.code LEFT JOIN recurring.best r ON r.code = a.code WHERE b.depth < 5) SELECT * FROM best ORDER BY code;
-- several WITH, one inside another
WITH open AS MATERIALIZED (SELECT * FROM event WHERE status <> 'closed'), by_area AS NOT MATERIALIZED (WITH x AS (SELECT county_code, count(*) AS n FROM open GROUP BY 1) SELECT * FROM x WHERE n > 0) SELECT a.name, b.n FROM by_area b JOIN area a ON a.code = b.county_code;
-- the name of a published table is taken by WITH
WITH event AS (SELECT * FROM event WHERE status = 'closed') SELECT count(*) FROM event;
-- pivot with values
PIVOT (SELECT county_code, status FROM event) ON status IN ('accepted', 'closed') USING count(*) GROUP BY county_code;
-- pivot in the SQL standard's form
SELECT * FROM (SELECT county_code, category, severity_level FROM event) PIVOT (avg(severity_level) AS sev, count(*) AS n FOR category IN ('01.01' AS roads, '02.01' AS noise)) ORDER BY county_code;
-- unpivot
UNPIVOT (SELECT county_code, count(*) AS total, count(closed_at) AS closed FROM event GROUP BY 1) ON total, closed INTO NAME measure VALUE n;
FROM (SELECT 1 AS a, 2 AS b) UNPIVOT INCLUDE NULLS (v FOR n IN (a, b));
-- lists and lambdas
SELECT county_code, list(DISTINCT status ORDER BY status) AS states, array_agg(title ORDER BY reported_at)[1:3] AS first_titles, list_transform(list(severity_level), x -> x * 2) AS doubled, list_filter(list(severity_level), lambda x: x > 1) AS high, list_aggregate(list(severity_level), 'max') AS top FROM event GROUP BY county_code;
SELECT [x * 2 FOR x IN range(5) IF x > 1] AS l, list_reduce([1, 2, 3], (a, b) -> a + b) AS s, list_sort([3, 1, 2]) AS o, [1, 2, 3][-1] AS z, len([1, 2]), list_contains([1, 2], 2), flatten([[1], [2]]), list_zip([1], ['a'])::VARCHAR, list_unique([1, 1]);
-- unnest and lateral
SELECT e.event_id, u.tag FROM event e, unnest(e.co_org_codes) AS u(tag);
SELECT o.code, t.* FROM org o, LATERAL (SELECT event_id, reported_at FROM event e WHERE e.owner_org_code = o.code ORDER BY reported_at DESC LIMIT 2) t;
SELECT event_id, unnest(co_org_codes) AS org FROM event;
-- structs and maps
SELECT {'area': county_code, 'n': count(*)} AS r, MAP {'a': 1, 'b': 2}['a'] AS m, map_keys(MAP {'k': 'v'}), struct_pack(a := 1, b := 'x').b, row(1, 'x')::VARCHAR FROM event GROUP BY county_code;
SELECT ext['ward'] AS ward, map_keys(ext) AS keys, cardinality(ext) FROM event WHERE cardinality(ext) > 0;
-- text
SELECT title, regexp_matches(title, '(噪音|扰民)') AS noisy, regexp_extract(title, '([0-9]+)号', 1) AS no, regexp_replace(title, '\s+', ' ', 'g'), length(title), left(title, 10), upper(source_id), trim(title), replace(title, '路', '街'), title LIKE '%路%' AS road, title ILIKE 'a%', split_part(source_id, '_', 1), concat_ws('/', county_code, town_code), string_split('a,b', ','), contains(title, '路'), starts_with(title, '中') FROM event WHERE title SIMILAR TO '.*' AND title NOT LIKE 'x\_%' ESCAPE '\';
SELECT title.lower().trim() AS t, ('a-b').replace('-', '_') FROM event;
SELECT printf('%05d', 42), format('{:>8}', 'x'), lpad('7', 3, '0'), repeat('=', 20), strftime(now(), '%Y-%m-%d %H:%M'), bar(3, 0, 10, 20);
-- dates
SELECT date_trunc('week', reported_at), date_part('doy', reported_at), date_diff('minute', reported_at, closed_at), last_day(event_day), event_day + 7, event_day - INTERVAL '1 month', make_date(2026, 1, 1), strptime('2026-01-01', '%Y-%m-%d'), time_bucket(INTERVAL '15 minutes', reported_at), to_timestamp(0), epoch_ms(reported_at), monthname(event_day), reported_at::TIMESTAMP::DATE, timezone('Asia/Shanghai', reported_at), current_date, current_timestamp, today(), year(event_day) FROM event LIMIT 5;
-- grouping sets
SELECT county_code, category, grouping(county_code, category) AS g, count(*) FROM event GROUP BY GROUPING SETS ((county_code), (category), ()) ORDER BY ALL;
SELECT county_code, status, count(*) FROM event GROUP BY CUBE (county_code, status);
SELECT county_code, town_code, count(*) FROM event GROUP BY ROLLUP (county_code, town_code);
-- set operations
SELECT county_code FROM event EXCEPT SELECT code FROM area UNION ALL SELECT 'x' INTERSECT SELECT 'y' ORDER BY 1;
SELECT 1 AS a UNION ALL BY NAME SELECT 2 AS b;
(SELECT title FROM event ORDER BY reported_at LIMIT 1) UNION ALL (SELECT title FROM event ORDER BY reported_at DESC LIMIT 1);
-- subqueries everywhere
SELECT e.event_id, (SELECT name FROM area a WHERE a.code = e.county_code) AS district FROM event e WHERE EXISTS (SELECT 1 FROM event_transition t WHERE t.event_id = e.event_id) AND e.category IN (SELECT code FROM category) AND e.severity_level >= ALL (SELECT 0) AND e.severity_level = ANY (SELECT severity_level FROM event) AND (e.county_code, e.status) NOT IN (SELECT 'x', 'y');
-- joins
SELECT e.event_id, t.at, t.to_status FROM event e ASOF JOIN event_transition t ON e.event_id = t.event_id AND e.reported_at <= t.at;
SELECT count(*) FROM event e SEMI JOIN incident i USING (incident_id);
SELECT count(*) FROM event e ANTI JOIN incident i ON e.incident_id = i.incident_id;
SELECT * FROM (SELECT 1 AS a) x POSITIONAL JOIN (SELECT 2 AS b) y CROSS JOIN (SELECT 3 AS c) z NATURAL JOIN (SELECT 3 AS c) w;
SELECT e.* FROM event AS e FULL OUTER JOIN area AS a ON e.county_code = a.code RIGHT JOIN org o ON true LIMIT 3;
-- star forms
SELECT * EXCLUDE (title) REPLACE (upper(status) AS status) RENAME (county_code AS district) FROM event;
SELECT COLUMNS('.*_at$'), min(COLUMNS(c -> c LIKE '%_day')) OVER () FROM event;
SELECT event.* , #1 FROM event ORDER BY 1 LIMIT 1;
SELECT * LIKE '%_at' FROM event;
-- from first, values, table
FROM event SELECT status, count(*) GROUP BY status;
FROM event;
TABLE area;
VALUES (1, 'a'), (2, NULL);
SELECT v.code, a.name FROM (VALUES ('990101'), ('990102')) AS v(code) LEFT JOIN area a USING (code);
-- samples
SELECT avg(severity_level) FROM event USING SAMPLE 10 PERCENT (bernoulli, 42);
SELECT count(*) FROM event TABLESAMPLE reservoir(20%) REPEATABLE (7);
SELECT * FROM event ORDER BY random() LIMIT 3;
-- distinct
SELECT DISTINCT ON (county_code) county_code, event_id, reported_at FROM event ORDER BY county_code, reported_at DESC;
SELECT count(DISTINCT source_id), approx_count_distinct(event_id), arg_max(title, reported_at), mode(status), bool_or(is_countable), histogram(status), string_agg(DISTINCT status, ',' ORDER BY status), first(title ORDER BY reported_at), any_value(title), stddev(severity_level), corr(lon, lat), entropy(status), max_by(title, reported_at) FROM event;
-- window functions
SELECT event_id, lead(reported_at) OVER w - reported_at AS gap, first_value(title IGNORE NULLS) OVER w, last_value(title) OVER (PARTITION BY county_code ORDER BY reported_at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW), nth_value(title, 2) OVER w, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w, count(DISTINCT status) OVER w, sum(1) FILTER (WHERE status = 'closed') OVER w, avg(severity_level) OVER (ORDER BY reported_at GROUPS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM event WINDOW w AS (PARTITION BY county_code ORDER BY reported_at);
-- conditional and null
SELECT if(status = 'closed', 1, 0), ifnull(title, ''), coalesce(closed_at, resolved_at, now()), nullif(title, ''), greatest(1, 2), CASE status WHEN 'closed' THEN '办结' WHEN 'accepted' THEN '受理' ELSE '其他' END, TRY_CAST(title AS INTEGER), TRY(1 / 0), status IS DISTINCT FROM 'x', closed_at IS NULL, NOT is_countable, is_countable IS TRUE FROM event;
-- casts
SELECT event_id::VARCHAR, severity_level::DOUBLE, CAST(reported_at AS DATE), '1'::INT, 1.5::DECIMAL(10, 2), '{"a": 1}'::JSON->>'$.a', [1, 2]::BIGINT[], 'closed'::ENUM('accepted', 'closed'), '2026-01-01'::TIMESTAMPTZ, 1::BOOLEAN, 'a'::text, 1::int8, 1::numeric, {'a': 1}::STRUCT(a BIGINT), 'x'::varchar(10), '10:00'::time FROM event LIMIT 1;
-- json
SELECT json_extract_string('{"a": {"b": 2}}', '$.a.b'), '{"a": 1}'::JSON->'a', to_json({'x': 1}), json_object('k', 1), json_group_array(title), (SELECT count(*) FROM json_each('[1,2]')) FROM event;
-- collation
SELECT name FROM area ORDER BY name COLLATE zh, name COLLATE NOCASE;
-- bits, digests
SELECT quality_flags & 4 > 0 AS no_point, bit_count(quality_flags), md5(title), hash(title) % 10 AS bucket, hex(encode('a')) FROM event;
-- distance on coordinates
SELECT a.event_id, b.event_id, 2 * 6371000 * asin(sqrt(sin(radians(b.lat - a.lat) / 2) ** 2 + cos(radians(a.lat)) * cos(radians(b.lat)) * sin(radians(b.lon - a.lon) / 2) ^ 2)) AS metres FROM event a JOIN event b ON a.event_id < b.event_id WHERE abs(a.lon - b.lon) < 0.01;
-- macros of the snapshot
SELECT event_id, hours_open(reported_at, closed_at) AS h, main.hours_open(reported_at, closed_at) FROM event;
SELECT * FROM open_in('990101');
-- another published schema
SELECT * FROM bi.daily ORDER BY day;
SELECT "d"."n" FROM "bi"."daily" "d";
-- parameters
-- params: 990101, 10
SELECT title FROM event WHERE county_code = ? ORDER BY reported_at LIMIT ?;
-- params: 3
SELECT $n::INT + 1 AS x, list_filter([1, 5], x -> x > $n::INT) LIMIT $n::INT;
-- comments and semicolons at the end
SELECT 1 AS a; -- done;
SELECT /* 注释 /* nested */ */ count(*) FROM event -- 全部
;
-- Metabase
SELECT "source"."county_code" AS "county_code", DATE_TRUNC('month', "source"."reported_at") AS "reported_at", COUNT(*) AS "count" FROM (SELECT "main"."event"."county_code" AS "county_code", "main"."event"."reported_at" AS "reported_at" FROM "main"."event" WHERE "main"."event"."status" = 'closed') AS "source" GROUP BY "source"."county_code", DATE_TRUNC('month', "source"."reported_at") ORDER BY "source"."county_code" ASC, DATE_TRUNC('month', "source"."reported_at") ASC;
SELECT CAST("main"."event"."reported_at" AS date) AS "reported_at", SUM(CASE WHEN "main"."event"."status" = 'closed' THEN 1 ELSE 0.0 END) AS "sum", CAST(SUM(CASE WHEN "main"."event"."closed_at" IS NOT NULL THEN 1 ELSE 0.0 END) AS FLOAT) / CAST(COUNT(*) AS FLOAT) AS "share" FROM "main"."event" LEFT JOIN "main"."area" AS "Area" ON "main"."event"."county_code" = "Area"."code" WHERE ("main"."event"."reported_at" >= DATE_TRUNC('day', NOW() + INTERVAL '-30 day')) AND ("main"."event"."reported_at" < DATE_TRUNC('day', NOW())) GROUP BY 1 ORDER BY 1 ASC LIMIT 1048575;
-- Superset
SELECT DATE_TRUNC('day', reported_at) AS __timestamp, category AS category, count(*) AS "COUNT(*)", AVG(severity_level) AS "AVG(severity_level)" FROM (SELECT * FROM event) AS virtual_table WHERE reported_at >= TIMESTAMP '2020-01-01 00:00:00.000000' AND reported_at < TO_TIMESTAMP(4102444800) AND category IN ('01.01', '02.01') GROUP BY DATE_TRUNC('day', reported_at), category ORDER BY "COUNT(*)" DESC LIMIT 10000;
SELECT category AS category, sum(n) AS "n" FROM (SELECT category, 1 AS n FROM event) AS virtual_table JOIN (SELECT category AS category__, count(*) AS mme_inner__ FROM event GROUP BY category ORDER BY mme_inner__ DESC LIMIT 5) AS series_limit ON category = category__ GROUP BY category;
-- Grafana
SELECT floor(extract(epoch FROM reported_at) / 3600) * 3600 AS "time", county_code AS metric, count(*) AS value FROM event WHERE reported_at BETWEEN '2020-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z' GROUP BY 1, 2 ORDER BY 1;
-- params: 2026-01-01
SELECT $day::DATE AS "time", count(*) AS "数量" FROM event WHERE event_day <= $day::DATE;
-- Power BI
select "_"."county_code", "_"."C1" from (select "rows"."county_code" as "county_code", count(distinct("rows"."event_id")) as "C1" from (select "_"."county_code", "_"."event_id" from "main"."event" "_" where "_"."status" = 'closed' and "_"."status" is not null) "rows" group by "county_code") "_" where not "_"."C1" is null limit 1000001;
select "$Table"."event_id" as "event_id", "$Table"."title" as "title" from "main"."event" "$Table" limit 4096;
-- Tableau
SELECT "event"."category" AS "category", SUM(1) AS "cnt:event:ok", CAST(DATE_TRUNC('QUARTER', CAST("event"."reported_at" AS TIMESTAMP)) AS DATE) AS "tqr:reported_at:ok" FROM "main"."event" "event" INNER JOIN (SELECT "event"."category" AS "category", COUNT(1) AS "$__alias__0" FROM "main"."event" "event" GROUP BY 1 ORDER BY 2 DESC NULLS LAST, 1 ASC LIMIT 10) "t0" ON (("event"."category" = "t0"."category") OR (("event"."category" IS NULL) AND ("t0"."category" IS NULL))) GROUP BY 1, 3;
SELECT SUM("X___sum"."n") AS "TEMP(x)(1)(0)", MAX((CASE WHEN 0 = 1 THEN NULL ELSE CAST(FLOOR("X___sum"."n") AS BIGINT) END)) AS "max" FROM (SELECT 1 AS "n") "X___sum" HAVING COUNT(1) > 0;
-- DBeaver
SELECT e.* FROM main.event e WHERE title IS NOT NULL ORDER BY e.reported_at DESC LIMIT 200 OFFSET 0;
SELECT count(*) FROM (SELECT * FROM event) dbvrcnt;
SELECT * FROM event FETCH FIRST 10 ROWS ONLY;
SELECT 1;
SELECT NULL;
-- more of what people write
SELECT e.reported_at AS "at", e.status FROM event AS e WHERE e.reported_at::date = current_date;
SELECT -1e400;
SELECT 'Infinity'::double, 'nan'::float, -1e308*10;
SELECT count(*) FROM event WHERE title ~ '路';
SELECT status, count() c FROM event GROUP BY status ORDER BY c DESC LIMIT 5 OFFSET 0;
SELECT e FROM event e;
SELECT title || '-' || status FROM event;
SELECT a.* , b.x FROM event a, (SELECT 1 x) b;
SELECT date_part('isodow', event_day), extract('epoch' from reported_at) FROM event;
SELECT EXTRACT(DOW FROM event_day), dayname(event_day) FROM event;
SELECT * FROM event WHERE event_day BETWEEN DATE '2026-01-01' AND DATE '2026-01-31' AND status IN ('a','b') OR title IS NOT NULL;
SELECT max(reported_at) - min(reported_at) FROM event;
SELECT list_sum([1,2]), list_avg([1]), array_to_string(['a'], ','), list_string_agg(['a']);
SELECT regexp_split_to_table('a b', ' '), string_split_regex('a b', ' ');
SELECT x.a FROM (SELECT {'a': 1} AS x);
SELECT CAST(reported_at AS TIMESTAMP WITHOUT TIME ZONE) FROM event;
SELECT interval '1' day, interval 1 week, to_days(3);
SELECT TIMESTAMP '2026-01-01' AT TIME ZONE 'UTC';
SELECT count(*) FILTER (status = 'x') FROM event;
SELECT array_length([1]), [1] || [2], [1,2] && [2], [1] @> [1];
SELECT 5 // 2, 5 % 2, 2 ** 3, 1 << 2, 5 & 1, 5 | 2, ~1, xor(1,2);
SELECT greatest(1,2), least(1,2), isnan(1), sign(-1), round(1.234, 2), trunc(1.5), ceil(1.1), floor(1.1), mod(5,2);
SELECT generate_subscripts([1,2], 1);
SELECT * FROM json_each('{"a":1}');
SELECT row_number() OVER (ORDER BY reported_at) AS rn, sum(1) OVER (PARTITION BY status ORDER BY reported_at RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW) FROM event;
SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY county_code ORDER BY reported_at DESC) rn FROM event) WHERE rn <= 3;
FROM event SELECT * EXCLUDE (title) WHERE status = 'closed' LIMIT 3;
SELECT DISTINCT status FROM event ORDER BY ALL;
SELECT county_code, COUNT(*) FROM event GROUP BY 1 HAVING COUNT(*) > (SELECT avg(n) FROM (SELECT count(*) n FROM event GROUP BY county_code));
SELECT substring(title, 1, 3), substr(title, 2), instr(title, 'x'), strpos(title,'x'), reverse(title), ascii('a'), lpad(title, 20, ' '), title[1:3] FROM event;
SELECT * FROM event WHERE lower(title) LIKE lower('%A%');
SELECT strftime(reported_at, '%Y-%m') ym, count(*) FROM event GROUP BY ym;
SELECT COALESCE(SUM(CASE WHEN status='closed' THEN 1 END),0)::FLOAT / NULLIF(COUNT(*),0) FROM event;
SELECT histogram(severity_level), approx_top_k(status, 3), kurtosis(severity_level), regr_slope(lon, lat) FROM event;
SELECT reported_at::timestamp(0) FROM event;
SELECT 1 AS "user";
SELECT typeof(reported_at) FROM event LIMIT 1;
SELECT to_json(e) FROM event e LIMIT 1;
SELECT "main"."event"."title" FROM "main"."event";
SELECT 1 FROM main.event WHERE 1=0;
SELECT '{"a":1}'::json ->> 'a', json('{}');
SELECT map([1],[2]), map_from_entries([('a', 1)]);
SELECT format('{} {}', 1, 2), printf('%s', 'x'), format('{:,}', 1000000);
SELECT bar(10, 0, 100, 20);
SELECT isodow(event_day), week(event_day), quarter(event_day) FROM event;
SELECT make_timestamp(2026,1,1,0,0,0), make_timestamptz(2026,1,1,0,0,0), epoch(reported_at) FROM event;
SELECT list_distinct(list(status)), list_sort(list(status), 'DESC') FROM event;
SELECT * FROM event e LEFT JOIN LATERAL (SELECT count(*) AS n FROM event_transition t WHERE t.event_id=e.event_id) x ON TRUE;
SELECT CASE WHEN grouping(status)=1 THEN '合计' ELSE status END s, count(*) FROM event GROUP BY ROLLUP(status);
SELECT time_bucket(INTERVAL '1 hour', reported_at, INTERVAL '30 minutes'), count(*) FROM event GROUP BY 1;
SELECT any_value(title ORDER BY reported_at), last(status ORDER BY reported_at) FROM event;
SELECT count_if(status='closed'), sum(status = 'closed'), avg((status='closed')::int) FROM event;
WITH t AS (SELECT * FROM event) SELECT (SELECT count(*) FROM t), (SELECT max(reported_at) FROM t);
SELECT '2026-01-01'::date + INTERVAL (i) DAY FROM range(10) t(i);
SELECT d.d::date, count(e.event_id) FROM (SELECT unnest(range(DATE '2026-01-01', DATE '2026-02-01', INTERVAL 1 DAY)) AS d) d LEFT JOIN event e ON e.event_day = d.d::date GROUP BY 1;
SELECT datediff('day', event_day, current_date), date_sub('hour', reported_at, now()) FROM event;
SELECT json_object('a', 1)->'$.a', json_extract('{"a":[1]}', '$.a[0]'), json_array_length('[1]');
SELECT status FROM event WHERE status = ANY (['closed','x']);
SELECT status FROM event WHERE list_contains(co_org_codes, 'o1') AND len(co_org_codes) > 1;
SELECT quantile_disc(severity_level, 0.5), percentile_disc(0.9) WITHIN GROUP (ORDER BY severity_level) FROM event;
SELECT jaccard('ab','bc'), levenshtein('a','b'), editdist3('a','b');
SELECT x'00'::blob, encode('a'), decode('a'::blob), from_hex('00');
