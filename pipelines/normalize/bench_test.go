package normalize_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/connectors"
	"onegrid/pipelines/normalize"
)

// hotlineBatch is invented: 30 columns, about 600 bytes a record, with the share of defects of the domain notes.
func hotlineBatch(rows int) arrow.RecordBatch {
	names := []string{"工单编号", "来电时间", "来电人", "联系电话", "诉求类型", "受理来源", "办理方式", "诉求标题", "诉求内容", "事发地址", "所属区县", "所属街道",
		"一级分类", "二级分类", "承办单位", "当前状态", "是否紧急", "转办来源", "转办编号", "派遣时间", "签收时间", "办结时间", "截止时间", "回访时间", "满意度", "是否解决",
		"公开答复内容", "更新时间", "经度", "纬度"}
	pick := func(i int, list ...string) string { return list[i%len(list)] }
	b := connectors.NewBuilder(names...)
	for i := range rows {
		t := time.Date(2024, 3, 5, 0, 0, 0, 0, time.UTC).Add(time.Duration(i*37) * time.Second)
		at := func(d time.Duration) string { return t.Add(d).Format("2006-01-02 15:04:05") }
		row := []string{t.Format("060102150405") + fmt.Sprintf("%06d", i), at(0), "来电人甲", fmt.Sprintf("199000%05d", i%100000),
			pick(i, "求助", "投诉", "咨询", "举报"), pick(i, "电话", "微信", "APP", "电话"), "转办", "反映路灯不亮的问题，影响夜间出行",
			"市民来电反映，示例路与样板街交叉口西侧的路灯已经连续多日不亮，夜间行人与非机动车通行存在安全隐患，此前已向物业反映但未得到处理，" +
				"希望相关部门尽快派人到现场核实并修复，同时检查周边其余路灯是否正常，处理结果请告知。来电人表示情况属实，请尽快办理。",
			"示例路与样板街交叉口西侧", pick(i, "北岭区", "西塘区", "东渚区"), pick(i, "岭前街道", "塘桥街道", "渚东街道"), "公用设施", pick(i, "路灯照明", "井盖", "供水"),
			fmt.Sprintf("样板区第%d分局", i%40), pick(i, "已结案", "待处置", "已派遣", "已结案"), pick(i, "否", "否", "否", "是"), "", "", at(time.Hour), at(2 * time.Hour),
			at(30 * time.Hour), at(120 * time.Hour), at(40 * time.Hour), pick(i, "满意", "非常满意", "不满意"), pick(i, "是", "否"), "经核实，路灯线路故障，已安排修复。",
			at(41 * time.Hour), fmt.Sprintf("119.4%05d", i%100000), fmt.Sprintf("32.3%05d", i%100000)}
		for c, v := range row {
			if v != "" {
				b.Set(c, v)
			}
		}
		b.EndRow()
	}
	return b.Take()
}

// BenchmarkApply reports cpu-ns/record: processor time of the process over records.
func BenchmarkApply(b *testing.B) {
	m, err := normalize.Load("../../configs/city/mappings/hotline_12345.yaml")
	if err != nil {
		b.Fatal(err)
	}
	n, err := m.Compile(nil)
	if err != nil {
		b.Fatal(err)
	}
	rec := hotlineBatch(8192)
	defer rec.Release()
	meta := normalize.Meta{SourceID: "bench", ReadAt: time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)}
	b.Run("hotline30", func(b *testing.B) {
		b.ReportAllocs()
		cpu := cpuTime()
		for b.Loop() {
			d, rejects, err := n.Apply(rec, meta)
			if err != nil || len(rejects) > 0 {
				b.Fatal(err, len(rejects))
			}
			d.Release()
		}
		b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N)/8192, "cpu-ns/record")
	})
	b.Run("ids", func(b *testing.B) {
		b.ReportAllocs()
		var ids []string
		cpu := cpuTime()
		for b.Loop() {
			var err error
			if ids, err = n.RecordIDs(rec, ids[:0]); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N)/8192, "cpu-ns/record")
	})
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
