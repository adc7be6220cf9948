package privacy

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

// BenchmarkProtect: 8192 records with 110 characters of description, a title and an address; 3 % hold a phone.
func BenchmarkProtect(b *testing.B) {
	for _, parties := range []bool{false, true} {
		b.Run(fmt.Sprintf("parties=%v", parties), func(b *testing.B) { benchProtect(b, parties) })
	}
}

func benchProtect(b *testing.B, parties bool) {
	g, err := New(Config{}, testKeys(b))
	if err != nil {
		b.Fatal(err)
	}
	const rows = 8192
	mem := memory.DefaultAllocator
	sentences := []string{"市民反映小区门口路灯不亮", "夜间出行不便", "希望尽快处理", "道路破损积水严重", "垃圾未及时清运", "噪声扰民影响休息", "请相关部门核实", "文昌路与江都路口井盖缺失", "存在安全隐患", "多次反映未果"}
	x := uint32(7)
	next := func(n int) int { x = x*1664525 + 1013904223; return int(x>>8) % n }
	cols := map[string][]string{}
	for i := range rows {
		var t strings.Builder
		for t.Len() < 320 {
			t.WriteString(sentences[next(len(sentences))] + "，")
		}
		if i%33 == 0 {
			t.WriteString("电话19900000000")
		}
		cols["description"] = append(cols["description"], t.String())
		cols["title"] = append(cols["title"], sentences[next(len(sentences))])
		cols["address_masked"] = append(cols["address_masked"], fmt.Sprintf("江都路与文昌路口东%d米", next(500)+1))
		cols["source_record_id"] = append(cols["source_record_id"], fmt.Sprintf("000000260212%08d", i))
		cols["phone"] = append(cols["phone"], fmt.Sprintf("199%08d", i))
	}
	arrays := map[string]*array.String{}
	for n, v := range cols {
		arrays[n] = texts(mem, v...)
	}
	cat := make([]string, rows)
	for i := range cat {
		cat[i] = sentences[i%8]
	}
	dict := dictOf(mem, cat...)
	at := times(mem, rows, testNow)
	var before, after syscall.Rusage
	b.ReportAllocs()
	b.ResetTimer()
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for range b.N {
		d := newDraft(rows)
		for n, a := range arrays {
			if n != "phone" {
				a.Retain()
				d.Set(n, a)
			}
		}
		for _, n := range []string{"category_src_name", "channel_src", "owner_org_name"} {
			dict.Retain()
			d.Set(n, dict)
		}
		at.Retain()
		d.Set("reported_at", at)
		if parties {
			arrays["phone"].Retain()
			d.Parties = []event.PartyColumn{{Kind: "phone", Role: "reporter", Values: arrays["phone"]}}
		}
		if _, rejects, err := g.Protect(d, Meta{Now: testNow}); err != nil || len(rejects) != 0 {
			b.Fatal(err, len(rejects))
		}
		d.Release()
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(cpu.Nanoseconds())/1e3/float64(b.N)/rows, "cpu-us/record")
}

func BenchmarkSimHash200(b *testing.B) {
	t := []byte(strings.Repeat("市民反映小区门口路灯不亮夜间出行不便希望", 10))
	var h simHasher
	for b.Loop() {
		h.hash(t)
	}
}
