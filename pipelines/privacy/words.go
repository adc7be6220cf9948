package privacy

// word is all that one character can trigger.
type word struct {
	cues      []nameCue       // cues that end with the character
	sensitive []sensitiveWord // words of which it is the key
	titles    []string        // forms of address that start with it
}

// nameCue is a word after which a name may stand. Strong cues announce a person who is part of the matter; after a weak
// one ("市民", "业主") ordinary words follow more often than names, so the name must prove itself.
type nameCue struct {
	text string
	weak bool
}

var nameCues = cues(
	"报警人 当事人 联系人 来电人 投诉人 举报人 反映人 申请人 求助人 受害人 被害人 嫌疑人 肇事人 责任人 负责人 经办人 承办人 诉求人 信访人 上访人 "+
		"来访人 代理人 委托人 监护人 收件人 寄件人 承租人 出租人 驾驶人 知情人 证人 法人 接警人 报案人 反馈人 走失人 "+
		"死者 伤者 报警者 投诉者 举报者 肇事者 患者 走失者 其父 其母 其子 其女 其妻 其夫 其兄 其弟 其姐 其妹 其父亲 其母亲 其儿子 其女儿 其妻子 其丈夫 "+
		"其哥哥 其弟弟 其姐姐 其妹妹 其爷爷 其奶奶 其老公 其老婆 其女友 其男友 其前妻 其前夫 姓名 名叫 我叫 他叫 她叫 人叫 户主 机主 失主 事主 车主 "+
		"处警员 接警员 接线员 监督员 巡查员 网格员",
	"市民 居民 村民 网民 业主 房主 店主 雇主 货主 船主 房东 租客 房客 住户 租户 商户 邻居 同事 朋友 同学 学生 工人 男子 女子 老人 本人 民警 辅警 "+
		"丈夫 妻子 儿子 女儿 父亲 母亲 老公 老婆 司机 驾驶员 工作人员 保安 老板 经理 主任 书记 局长 队长 校长 组长 村长 班长 站长 所长 院长 老师 医生 先生 女士 "+
		"叫做 我是 客户 顾客 乘客 群众 家长 网友 名字 用户")

func cues(strong, weak string) []nameCue {
	var out []nameCue
	for _, w := range fields(strong) {
		out = append(out, nameCue{text: w})
	}
	for _, w := range fields(weak) {
		out = append(out, nameCue{text: w, weak: true})
	}
	return out
}

// titles are forms of address after a name. The first six follow a family name or a whole name, the others are taken
// only directly after a family name.
var titles = []string{"先生", "女士", "小姐", "师傅", "同志", "某", "阿姨", "大爷", "大妈", "大姐", "大哥", "老师", "老板", "主任", "书记", "医生", "警官", "经理", "局长"}

const wholeNameTitles = 5

// sensitiveWord is a cue of sensitive personal data (PIPL, article 28): minors, health, sexual and domestic violence.
// key is the index of its rarest character, where the scanner looks; not lists continuations that make it harmless.
type sensitiveWord struct {
	text string
	key  int
	not  string
}

var sensitiveWords = []sensitiveWord{
	{"未成年", 2, ""}, {"儿童", 1, "乐公节"}, {"女童", 1, ""}, {"男童", 1, ""}, {"幼童", 1, ""}, {"婴", 0, ""}, {"小孩", 1, ""}, {"孩子", 0, ""},
	{"小学生", 2, ""}, {"初中生", 2, ""}, {"中学生", 2, ""}, {"幼儿", 0, "园"}, {"留守儿", 1, ""},
	{"患有", 0, ""}, {"患病", 0, ""}, {"患者", 0, ""}, {"病情", 0, ""}, {"病历", 0, ""}, {"病人", 0, ""}, {"重病", 1, ""}, {"大病", 1, ""}, {"精神病", 2, ""}, {"白血病", 2, ""},
	{"糖尿病", 2, ""}, {"确诊", 1, ""}, {"住院", 1, "部楼"}, {"癌", 0, ""}, {"肿瘤", 1, ""}, {"艾滋", 1, ""}, {"抑郁", 1, ""}, {"怀孕", 1, ""}, {"孕妇", 0, ""}, {"流产", 0, ""},
	{"残疾", 1, ""}, {"自杀", 1, ""}, {"自残", 1, ""}, {"轻生", 0, ""}, {"精神障碍", 2, ""}, {"吸毒", 1, ""},
	{"奸", 0, ""}, {"猥亵", 0, ""}, {"性侵", 1, ""}, {"性骚扰", 1, ""}, {"卖淫", 1, ""}, {"嫖", 0, ""}, {"家暴", 1, ""}, {"家庭暴力", 2, ""}, {"虐待", 0, ""}, {"遗弃", 1, ""},
}

func fields(s string) []string {
	var out []string
	start := -1
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ' ' {
			if start >= 0 {
				out = append(out, s[start:i])
			}
			start = -1
		} else if start < 0 {
			start = i
		}
	}
	return out
}

func makeWords() ([]word, *[1 << 16]uint8) {
	list, index := make([]word, 1), new([1 << 16]uint8)
	at := func(r rune) *word {
		if index[r] == 0 {
			index[r] = uint8(len(list))
			list = append(list, word{})
		}
		return &list[index[r]]
	}
	for _, c := range nameCues {
		r := []rune(c.text)
		w := at(r[len(r)-1])
		w.cues = append(w.cues, c)
	}
	for _, t := range titles {
		w := at([]rune(t)[0])
		w.titles = append(w.titles, t)
	}
	for _, s := range sensitiveWords {
		w := at([]rune(s.text)[s.key])
		w.sensitive = append(w.sensitive, s)
	}
	return list, index
}

// word tries everything that the character at i can stand for and returns where to go on.
func (s *scanner) word(b []byte, i, w int, r rune) int {
	e := &words[wordOf[r]]
	if !s.sensitive {
		for _, sw := range e.sensitive {
			if sensitiveAt(b, i, sw) {
				s.sensitive = true
				break
			}
		}
	}
	if s.mode == modeCode {
		return i + w
	}
	if len(e.titles) > 0 {
		if end := s.title(b, i, e.titles); end > 0 {
			return end
		}
	}
	if len(e.cues) > 0 {
		if end := s.cue(b, i, w, e.cues); end > 0 {
			return end
		}
	}
	return i + w
}

func sensitiveAt(b []byte, i int, w sensitiveWord) bool {
	start := i - 3*w.key
	if start < 0 || len(b)-start < len(w.text) || string(b[start:start+len(w.text)]) != w.text {
		return false
	}
	if w.not == "" {
		return true
	}
	next, _ := nextRune(b, start+len(w.text))
	for _, r := range w.not {
		if r == next {
			return false
		}
	}
	return true
}

// age marks a text as sensitive where a number below 18 stands before 岁.
func (s *scanner) age(b []byte, i int) {
	if s.sensitive {
		return
	}
	v, p, n := 0, i, 0
	if r, w := prevRune(b, i); w > 0 && (digitValue(r) >= 0 || r == '十') {
		return
	}
	for p < len(b) && n < 3 {
		r, w := decode(b, p)
		d := digitValue(r)
		switch {
		case d >= 0:
			v = v*10 + d
			if n > 0 && v > 99 && bits16(r)&classMask == classHanDigit {
				v = v%10 + v/100*10
			}
		case r == '十':
			v = max(v, 1) * 10
		case r == '岁' && n > 0:
			s.sensitive = v < 18
			return
		default:
			return
		}
		p, n = p+w, n+1
	}
	if r, _ := nextRune(b, p); r == '岁' {
		s.sensitive = v < 18
	}
}
