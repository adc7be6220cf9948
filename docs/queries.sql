-- Ten questions of a duty room · 值班室十问
--
-- Each runs on every snapshot scope (docs/published-tables.md). Parameters are bound, never pasted: $1, $2 as noted.
-- "Open" means: not closed, rejected, cancelled, transferred out or merged. reports counts records, incidents counts
-- real-world matters (is_countable). · 参数以 $1、$2 绑定。reports 为上报件数, incidents 为归并后的事件数。

-- name: open_by_district
-- Open events by district · 各区县在办事件
SELECT e.county_code, any_value(a.name) AS county, count(*) AS reports, count(*) FILTER (e.is_countable) AS incidents
FROM event e LEFT JOIN area a ON a.area_code = e.county_code
WHERE e.status NOT IN ('closed', 'rejected', 'cancelled', 'transferred_out', 'merged')
GROUP BY e.county_code ORDER BY reports DESC, e.county_code;

-- name: due_soon
-- Overdue, and due within two hours · 已超时与两小时内到期
-- $1 TIMESTAMPTZ now · 当前时间
SELECT e.county_code, e.owner_org_code, count(*) FILTER (e.due_at < $1) AS overdue, count(*) FILTER (e.due_at >= $1) AS due_in_2h
FROM event e
WHERE e.due_at < $1 + INTERVAL 2 HOUR AND e.status NOT IN ('closed', 'rejected', 'cancelled', 'transferred_out', 'merged')
GROUP BY ALL ORDER BY overdue DESC, due_in_2h DESC, e.county_code, e.owner_org_code LIMIT 200;

-- name: last_day_by_category
-- The last 24 hours by category · 近 24 小时分类统计
-- $1 TIMESTAMPTZ now · 当前时间
SELECT e.category, any_value(c.name_zh) AS name_zh, any_value(c.name) AS name, count(*) AS reports, count(*) FILTER (e.is_countable) AS incidents
FROM event e LEFT JOIN category c ON c.category = e.category
WHERE e.event_day >= ($1 - INTERVAL 1 DAY)::DATE AND e.reported_at > $1 - INTERVAL 1 DAY AND e.reported_at <= $1
GROUP BY e.category ORDER BY reports DESC, e.category;

-- name: one_incident
-- One incident with its reports · 一个归并事件及其全部上报
-- $1 UUID incident_id · 归并事件标识
SELECT e.event_id, e.incident_role, e.source_id, e.channel, e.category, e.status, e.reported_at, e.dispatched_at, e.closed_at, e.county_code, e.town_code, e.lon, e.lat
FROM event e WHERE e.incident_id = $1 ORDER BY e.reported_at, e.event_id;

-- name: month_by_unit
-- A month by unit: events, closed, closed in time · 某月各承办单位: 受理、办结、按时办结
-- $1 DATE first day of the month · 月首日
SELECT e.owner_org_code, any_value(o.name) AS unit, count(*) AS reports, count(*) FILTER (e.is_countable) AS incidents, count(e.closed_at) AS closed,
  count(*) FILTER (e.closed_at <= e.due_at) AS in_time, round(100.0 * count(*) FILTER (e.closed_at <= e.due_at) / nullif(count(*) FILTER (e.closed_at IS NOT NULL AND e.due_at IS NOT NULL), 0), 1) AS in_time_percent
FROM event e LEFT JOIN org o ON o.org_code = e.owner_org_code
WHERE e.event_day >= $1 AND e.event_day < $1 + INTERVAL 1 MONTH
GROUP BY e.owner_org_code ORDER BY reports DESC, e.owner_org_code;

-- name: response_times
-- From report to dispatch and to closure by district, 30 days: median and 90 % · 近 30 天各区县响应与办结时长(分钟): 中位数与 90 分位
-- $1 TIMESTAMPTZ now · 当前时间
SELECT q.county_code, q.reports, q.dispatch[1] AS dispatch_p50, q.dispatch[2] AS dispatch_p90, q.closing[1] AS close_p50, q.closing[2] AS close_p90
FROM (SELECT e.county_code, count(*) AS reports, quantile_cont((epoch_us(e.dispatched_at) - epoch_us(e.reported_at)) / 6e7, [0.5, 0.9]) AS dispatch,
    quantile_cont((epoch_us(e.closed_at) - epoch_us(e.reported_at)) / 6e7, [0.5, 0.9]) AS closing
  FROM event e WHERE e.event_day >= ($1 - INTERVAL 30 DAY)::DATE AND e.masked <> 'cell' AND e.record_purpose = 'actual' GROUP BY e.county_code) q
ORDER BY q.county_code;

-- name: hours_of_today
-- Hours of today beside the same weekday of the last four weeks · 今日各小时与近四周同一星期日均值
-- $1 DATE today · 今日
SELECT hour(e.reported_at) AS hour, count(*) FILTER (e.event_day = $1) AS today, count(*) FILTER (e.event_day < $1) / 4.0 AS usual
FROM event e
WHERE e.event_day IN ($1, $1 - 7, $1 - 14, $1 - 21, $1 - 28) AND e.masked <> 'cell'
GROUP BY 1 ORDER BY 1;

-- name: top_communities
-- Twenty communities with most open events · 在办事件最多的 20 个社区
SELECT e.community_code, any_value(a.name) AS community, count(*) AS reports, count(*) FILTER (e.is_countable) AS incidents
FROM event e LEFT JOIN area a ON a.area_code = e.community_code
WHERE e.community_code IS NOT NULL AND e.status NOT IN ('closed', 'rejected', 'cancelled', 'transferred_out', 'merged')
GROUP BY e.community_code ORDER BY reports DESC, e.community_code LIMIT 20;

-- name: repeat_reports
-- Incidents of the last 30 days that were reported most often · 近 30 天重复上报最多的事件
-- $1 TIMESTAMPTZ now · 当前时间
SELECT i.incident_id, i.category, i.county_code, i.town_code, i.reports, i.sources, i.open_reports, i.first_reported_at, i.last_reported_at
FROM incident i WHERE i.last_reported_at > $1 - INTERVAL 30 DAY
ORDER BY i.reports DESC, i.last_reported_at DESC, i.incident_id LIMIT 50;

-- name: freshness
-- How fresh is each source · 各数据源新鲜度
SELECT f.source_id, s.title_zh, s.title, f.last_read, f.newest, f.events, g.published, g.generation
FROM freshness f LEFT JOIN cat_source s ON s.source_id = f.source_id CROSS JOIN generation g ORDER BY f.source_id;
