package privacy

// isID18 checks an 18-digit identity number: check digit (GB 11643-1999, ISO 7064 MOD 11-2) and a birth date between 1900
// and today. A 12345 record number (yyMMddHHmmss and six digits) passes for one by chance in the evening hours; it is
// taken for a record number unless its first two digits are a province.
func (s *scanner) isID18(d []byte) bool {
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		if d[i] > 9 {
			return false
		}
		sum += int(d[i]) * w
	}
	check := (12 - sum%11) % 11
	last := int(d[17])
	if last == digitX {
		last = 10
	}
	if last != check {
		return false
	}
	if !s.plausibleDate(num(d[6:10]), num(d[10:12]), num(d[12:14])) {
		return false
	}
	return !timeTicket(d) || isProvince(num(d[:2]))
}

// isID15 checks a first-generation identity number, which has no check digit: born 1910 to 1999.
func (s *scanner) isID15(d []byte) bool {
	for _, v := range d {
		if v > 9 {
			return false
		}
	}
	y := num(d[6:8])
	if y < 10 || !s.plausibleDate(1900+y, num(d[8:10]), num(d[10:12])) {
		return false
	}
	return !timeTicket(d) || isProvince(num(d[:2]))
}

func (s *scanner) plausibleDate(y, m, day int) bool {
	return y >= 1900 && validDate(y, m, day) && y*10000+m*100+day <= s.today
}

func validDate(y, m, day int) bool {
	if m < 1 || m > 12 || day < 1 {
		return false
	}
	last := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1]
	if m == 2 && (y%4 == 0 && y%100 != 0 || y%400 == 0) {
		last = 29
	}
	return day <= last
}

// timeTicket reports whether d starts with yyMMddHHmmss of the years 2000 to 2039.
func timeTicket(d []byte) bool {
	return len(d) >= 12 && d[0] <= 3 && validDate(2000+num(d[:2]), num(d[2:4]), num(d[4:6])) &&
		num(d[6:8]) < 24 && num(d[8:10]) < 60 && num(d[10:12]) < 60
}

// startsWithDate reports whether d starts with yyMMdd or yyyyMMdd of the years 2000 to 2039.
func startsWithDate(d []byte) bool {
	if len(d) < 8 {
		return false
	}
	return d[0] <= 3 && validDate(2000+num(d[:2]), num(d[2:4]), num(d[4:6])) ||
		num(d[:4]) >= 2000 && num(d[:4]) < 2040 && validDate(num(d[:4]), num(d[4:6]), num(d[6:8]))
}

func isProvince(p int) bool {
	switch p / 10 {
	case 1:
		return p >= 11 && p <= 15
	case 2:
		return p >= 21 && p <= 23
	case 3:
		return p >= 31 && p <= 37
	case 4:
		return p >= 41 && p <= 46
	case 5:
		return p >= 50 && p <= 54
	case 6:
		return p >= 61 && p <= 65
	}
	return p == 71 || p == 81 || p == 82
}

// isCard checks a bank card number: a prefix of the networks in use, Luhn, and not a record number.
func isCard(d []byte) bool {
	if len(d) < 16 || len(d) > 19 || timeTicket(d) {
		return false
	}
	switch {
	case d[0] == 6 && (d[1] == 2 || d[1] == 0 || d[1] == 5):
	case len(d) == 16 && (d[0] == 4 || d[0] == 5 && d[1] >= 1 && d[1] <= 5 || d[0] == 3 && d[1] == 5):
	case d[0] == 9 && d[1] == 5 && d[2] == 5 && (d[3] == 8 || d[3] == 9):
	default:
		return false
	}
	sum := 0
	for i := range d {
		v := int(d[len(d)-1-i])
		if v > 9 {
			return false
		}
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

func num(d []byte) int {
	v := 0
	for _, x := range d {
		v = v*10 + int(x)
	}
	return v
}
