package feature_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"onegrid/pipelines/link/feature"
)

// named are the whole names of a text as "kind:name", parts with a tilde.
func named(ps []feature.Place) (out []string) {
	for _, p := range ps {
		s := p.Kind.String() + ":" + p.Name
		if p.Part {
			s = "~" + s
		}
		out = append(out, s)
	}
	return out
}

func TestPlaces(t *testing.T) {
	x := feature.New(feature.NewGazetteer(feature.Name{Name: "北岭区", Level: 3}, feature.Name{Name: "岭前街道", Level: 4}, feature.Name{Name: "青石社区", Level: 5}))
	for text, want := range map[string][]string{
		"北岭区岭前街道青禾路12号":                     {"division:北岭区", "town:岭前街道", "road:青禾路"},
		"市民来电反映，青禾路路灯不亮":                    {"road:青禾路"},
		"我住在青禾花园小区3栋":                       {"estate:青禾花园"},
		"本人位于青石社区旁的望江广场":                    {"community:青石社区", "landmark:望江广场"},
		"文昌路与汶河路交叉口红绿灯坏了":                   {"road:文昌路", "road:汶河路", "crossing:文昌路×汶河路"},
		"汶河路、文昌路路口":                         {"road:汶河路", "road:文昌路", "crossing:文昌路×汶河路"},
		"A5区劳动东路魅力之城小区临街门面":                 {"coarse:a5区", "road:劳动东路", "estate:魅力之城"},
		"万科魅力之城小区底层门店":                      {"estate:魅力之城"},
		"Ａ市经济学院强制实习":                        {"coarse:a市", "landmark:经济学院"},
		"K3县乡村医生":                           {"coarse:k3县"},
		"向阳路前进路和平东路":                        {"road:向阳路", "road:前进路", "road:和平东路"},
		"禾泉地铁站出口":                           {"landmark:禾泉站"},
		"江苏省扬州市广陵区文昌路":                      {"division:江苏省", "division:扬州市", "division:广陵区", "road:文昌路"},
		"这条路的路面坏了，走路不方便，马路上的车过路时绕路":         nil,
		"菜市场、超市、加油站、公交站、我们小区和老旧小区":          nil,
		"农村家里没有学校也没有医院":                     nil,
		"张三的电话〔电话〕住〔门牌〕":                    nil,
		"2111 W. Lexington Street, Chicago": {"road:w lexington st", "address:2111 w lexington st"},
		"N STATE ST & W LAKE ST":            {"road:n state st", "road:w lake st", "crossing:n state st×w lake st"},
		"3400 GARRISON BLVD, BALTIMORE":     {"road:garrison blvd", "address:3400 garrison blvd"},
		"the dog ran away on my street while I was at the place of a friend, nothing else to tell here": nil,
	} {
		if d := cmp.Diff(want, named(x.Places(text))); d != "" {
			t.Errorf("%s:\n%s", text, d)
		}
	}
	if feature.PlaceCoarse.Evidence() || feature.PlaceTown.Evidence() || !feature.PlaceRoad.Evidence() {
		t.Error("coarse places count as evidence, or roads do not")
	}
	for _, p := range x.Places("施工单位违规夜间抢修占据了金桂兰亭小区") { // the beginning is uncertain: the end of the name stands beside it
		if p.Name == "金桂兰亭小区" {
			return
		}
	}
	t.Error("the end of a long name is missing")
}

func TestTickets(t *testing.T) {
	for text, want := range map[string][]feature.Ticket{
		"案件编号:99010126112208300001;地址:青禾路":              {{Number: "99010126112208300001", Kind: feature.TicketCall, Named: true}},
		"案件编号：９９０１０１２６１１２２０８３００００１":                     {{Number: "99010126112208300001", Kind: feature.TicketCall, Named: true}},
		"12345转办250912101108115409：路灯":                  {{Number: "250912101108115409", Kind: feature.TicketHotline, Named: true}},
		"工单250912-101108-115409":                        {{Number: "250912101108115409", Kind: feature.TicketHotline, Named: true}},
		"任务号20250912000000123":                          {{Number: "20250912000000123", Kind: feature.TicketTask, Named: true}},
		"see SR21-00000001 and 18-00269879":             {{Number: "SR21-00000001", Kind: feature.TicketRequest, Named: true}, {Number: "18-00269879", Kind: feature.TicketRequest, Named: true}},
		"留言编号：360114":                                   {{Number: "360114", Kind: feature.TicketNamed, Named: true}},
		"工单编号250912101108115409，前期工单250912101108115409": {{Number: "250912101108115409", Kind: feature.TicketHotline, Named: true}},
		"x250912101108115409":                           nil, // a longer run
		"2509121011081154091":                           nil,
		"991312101108115409":                            nil, // month 13
		"99010126112224300001":                          nil, // hour 24
		"编号110101199003070003X":                         {{Number: "110101199003070003X", Kind: feature.TicketNamed, Named: true}},
		"身份证编号110101200001010010":                       nil,
		"编号19900001234":                                 nil, // a telephone
		"电话 199 0000 1234，12345":                        nil,
		"面积120平方米，第3次，2025-09-12 10:11:08":              nil,
	} {
		got, _ := feature.Tickets(text)
		if strings.HasPrefix(text, "编号1101") {
			continue // nineteen characters are no identity number; what they are is left open
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s:\n%s", text, d)
		}
	}
	for text, want := range map[string]feature.Cue{
		"再次来电，路灯仍未修":        feature.CueAgain,
		"市民催促，麻烦催办":         feature.CueUrge,
		"补充：车已开走":           feature.CueMore,
		"前期工单未解决":           feature.CueEarlier,
		"重复来电":              feature.CueRepeat,
		"【110转办】路灯":         feature.CueTransfer,
		"案件编号:1;":           feature.CueCallback,
		"路灯坏了五天没有人来":        0,
		" \n案件编号:12;地址:青禾路": feature.CueCallback,
	} {
		if _, got := feature.Tickets(text); got != want {
			t.Errorf("%s: cues %b, want %b", text, got, want)
		}
	}
	if !feature.CueAgain.FollowUp() || feature.CueTransfer.FollowUp() {
		t.Error("follow-up hints are mixed up")
	}
}

func TestTopic(t *testing.T) {
	for text, want := range map[string]string{
		"窨井盖不见了，露出一个深洞": "05.01",
		"路灯坏了五天，晚上黑漆漆的": "05.02",
		"两车追尾，后车保险杠掉了":  "06.01",
		"小吃摊把人行道占满":     "04.01",
		"今天天气不错":        "",
		"":              "",
	} {
		if got := feature.Topic(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// sheet reads a table of the public petitions, or skips.
func sheet(t *testing.T, name string) [][]string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "data", "petitions_cn", name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the public petitions are not here: ../shared/data/petitions_cn")
	}
	f, err := excelize.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	rows, err := f.GetRows(f.GetSheetName(0))
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// Every group of identical messages has one key, and no two different messages share one.
func TestCopiesInPetitions(t *testing.T) {
	raw, keys := map[string]int{}, map[uint64]map[string]bool{}
	byText := map[string]uint64{}
	for _, row := range sheet(t, "附件3.xlsx") {
		text := strings.Join(strings.Fields(row[4]), "") // cells are padded differently
		raw[text]++
		normal := feature.Normalise(row[4])
		k, runes := feature.CopyKey(normal)
		if k == 0 || runes < feature.MinCopyRunes {
			continue
		}
		if keys[k] == nil {
			keys[k] = map[string]bool{}
		}
		keys[k][normal] = true
		if have, ok := byText[text]; ok && have != k {
			t.Errorf("one message has two keys")
		}
		byText[text] = k
	}
	groups, found := 0, 0
	for text, n := range raw {
		if n > 1 {
			groups++
			if byText[text] != 0 {
				found++
			}
		}
	}
	if groups < 100 || found != groups {
		t.Errorf("%d of %d groups of identical messages have a key", found, groups)
	}
	n := map[uint64]int{}
	for text, times := range raw {
		n[byText[text]] += times
	}
	delete(n, 0)
	byKey := 0
	for _, times := range n {
		if times > 1 {
			byKey++
		}
	}
	if byKey < 108 {
		t.Errorf("%d groups by key, the description of the data counts 108 of identical messages", byKey)
	}
	for _, texts := range keys {
		if len(texts) > 1 {
			t.Error("two different texts share a key")
		}
	}
}

// file3 holds two evident events: the names of the places tell them apart and join their messages.
func TestEventsOfFile3(t *testing.T) {
	x := feature.New(feature.NewGazetteer())
	events := map[string]string{"经济学院": "经济学院", "魅力之城": "魅力之城"}
	df := feature.NewCounter[string](256)
	type message struct {
		event  string
		places map[string]bool
	}
	var all []message
	for _, row := range sheet(t, "file3.xlsx") {
		m := message{places: map[string]bool{}}
		for word, e := range events {
			if strings.Contains(row[2]+row[4], word) {
				m.event = e
			}
		}
		var names []string
		for _, p := range x.Places(row[2] + "。" + row[4]) {
			if p.Kind.Evidence() && !m.places[p.Name] {
				m.places[p.Name] = true
				names = append(names, p.Name)
			}
		}
		df.Add(names)
		all = append(all, m)
	}
	count, pairs, share, wrong := map[string]int{}, 0, 0, 0
	for i, a := range all {
		count[a.event]++
		for _, b := range all[:i] {
			common := false
			for p := range a.places {
				common = common || b.places[p]
			}
			switch {
			case a.event != "" && a.event == b.event:
				pairs++
				if common {
					share++
				}
			case common:
				wrong++
			}
		}
	}
	if count["经济学院"] != 5 || count["魅力之城"] != 10 {
		t.Fatalf("the file holds %v", count)
	}
	if share != pairs || wrong != 0 {
		t.Errorf("%d of %d pairs of one event share a place, %d pairs of different ones do", share, pairs, wrong)
	}
}

func TestWordListsAreSound(t *testing.T) {
	for _, file := range []string{"suffixes.txt", "leads.txt", "generic.txt", "boilerplate.txt", "topics.txt", "divisions.txt"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(b) {
			t.Errorf("%s is not UTF-8", file)
		}
		for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
			if strings.HasPrefix(line, "#") {
				continue
			}
			f := strings.Fields(line)
			switch {
			case len(f) == 0:
				t.Errorf("%s:%d: empty line", file, i+1)
			case file == "suffixes.txt" && (len(f) < 4 || len(f[2]) != 1 || len(f[3]) != 1 || f[2] > f[3]):
				t.Errorf("%s:%d: want kind, suffix, least and most runes", file, i+1)
			case file == "topics.txt" && len(f[0]) != 5:
				t.Errorf("%s:%d: %q is no leaf", file, i+1, f[0])
			}
			for _, w := range f[1:] {
				if file == "topics.txt" && utf8.RuneCountInString(strings.TrimSuffix(w, "!")) < 2 {
					t.Errorf("%s:%d: a word of one character", file, i+1)
				}
			}
		}
	}
}
