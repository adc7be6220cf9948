package main

// queryBenchmarks are those of the query surface. CPU time and peak memory of a report are those of all processes of a
// run: the client, the front and its workers are processes of the run's own. The peak is that of the largest; front and
// workers stand in the details.
func queryBenchmarks() []benchmark {
	return []benchmark{
		{name: "gate", rows: 1, runs: 5, prepare: prepareGate, measure: measureGate, verify: verifyGate},
		{name: "arrow_1m", rows: 10_000_000, runs: 5, prepare: preparePublished, reset: resetAsking, measure: measureArrow, verify: verifyArrow},
		{name: "publish_1k_into_10m", rows: 10_000_000, runs: 1, prepare: preparePublished, reset: resetPublishing, measure: measurePublish, verify: verifyPublished},
		{name: "duty_room", rows: 10_000_000, runs: 5, prepare: preparePublished, reset: resetAsking, measure: measureRoom, verify: verifySnapshot},
		{name: "duty_room_20", rows: 10_000_000, runs: 1, prepare: preparePublished, reset: resetPublishing, measure: measureCrowd, verify: verifyPublished},
	}
}
