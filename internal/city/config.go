package city

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"onegrid/configs"
)

// Config sets up a city. The zero value of every field has a default.
type Config struct {
	Seed uint64
	// Records is how many records the three departments opened together between Start and Start+Days, give or take those
	// still on their way. Default 20,000.
	Records int
	// Start is the first day; only its date in Asia/Shanghai counts. Default 2025-01-06.
	Start time.Time
	// Days is the length of the history. The same number of records a day arrives afterwards, as time is advanced. Default:
	// Records at 3,000 a day, which is a city of some four million, at least 7.
	Days int
	// Places is the geography; nil reads the example city of package configs.
	Places Places
	// APIKey is what the 110 API wants in the header X-Api-Key. Default "demo-key".
	APIKey string
	// Faults is the script of faults; see Fault.
	Faults Faults
	// Rates are the rates of defects and links; nil takes DefaultRates.
	Rates *Rates
}

// Rates are shares between 0 and 1. Those of DefaultRates were measured in one extract of 398 rows of a 110 desk and in
// published reports (domain facts, 1.1 and 5), except where a comment says otherwise.
type Rates struct {
	Clock12         float64 // of BJSJ exported on a 12-hour clock; with the daily rhythm 59.8 % are displaced
	LateClock       float64 // of BJSJ 6 to 7 minutes after the time in the number, the others 0 to 1
	AutoZero        float64 // of automatic positions that are 0,0
	ManualZero      float64 // of manual positions that are 0,0
	NoAddress       float64 // of 110 rows
	NoNarrative     float64 // of 110 rows
	FollowUp        float64 // of 110 rows that are follow-up calls
	FollowUpNear    float64 // of follow-up calls that quote a call of the same hours
	FollowUpDefault float64 // of follow-up calls filed as 100100
	DefaultCategory float64 // of other 110 rows filed as 100100 though they are something else
	Newline         float64 // of 110 and 12345 rows with a line break in the narrative
	AnsweredOnCall  float64 // of 110 rows
	PhoneInText     float64 // of rows
	PlateInText     float64 // of rows
	NameInText      float64 // of rows; not measured
	IDInText        float64 // of rows; not measured
	RoomInText      float64 // of rows; not measured
	OtherInText     float64 // of rows, landline or bank card; not measured
	Masked          float64 // of names and phones that the 110 desk itself masks; all of them were, half are here
	NoPoint         float64 // of 12345 rows without a point; not measured
	PoliceToHotline float64 // of incidents known to both; gives 0.7 % of 12345 rows
	HotlineToPolice float64 // of incidents known to both; not measured
	HotlineToUrban  float64 // of incidents known to both; gives 4.5 % of urban rows
	SameCaller      float64 // of further reports that come from the first caller; not measured
	Storm           float64 // of hours, roughly: blocks of 64 records in a storm; not measured
	DelayedCommit   float64 // of rows visible only 2 to 8 minutes after their update time; not measured
	LateEntry       float64 // of rows entered hours after the call; not measured
}

// DefaultRates returns the measured rates.
func DefaultRates() Rates {
	return Rates{
		Clock12: 1, LateClock: 258.0 / 398, AutoZero: 0.276, ManualZero: 1, NoAddress: 0.402, NoNarrative: 0.166,
		FollowUp: 0.188, FollowUpNear: 47.0 / 75, FollowUpDefault: 73.0 / 75, DefaultCategory: 0.295, Newline: 0.035,
		AnsweredOnCall: 0.1085, PhoneInText: 0.030, PlateInText: 0.028, NameInText: 0.03, IDInText: 0.006, RoomInText: 0.02,
		OtherInText: 0.006, Masked: 0.5, NoPoint: 0.35, PoliceToHotline: 0.07, HotlineToPolice: 0.02, HotlineToUrban: 0.265,
		SameCaller: 0.08, Storm: 0.03, DelayedCommit: 0.005, LateEntry: 0.003,
	}
}

// City is a synthetic city. Its methods may be called from several goroutines; Advance waits for pages being served.
type City struct {
	cfg          Config
	start        int64   // first second, wall clock
	perBlock     float64 // days that a block covers
	blocksPerDay int
	spread       int64 // seconds within which all reports of an incident arrive
	kinds        []kind
	words        phrases
	draw         *kindTable
	consult      uint8
	tables       hotlineTables
	states       []string
	rhythm       [1001]int32
	communities  []community
	counties     []county
	units        []Unit

	gbOnce sync.Once
	gb     *gbTable

	mu      sync.RWMutex
	now     int64
	index   []entry // of the 110 API, by update time and number
	settled int64   // blocks below it change no more
	touched map[int64]int64
	dropped dropState
	stored  map[string]int64 // by path: time of the last Database call
	script  script
}

// New builds the city at the end of its history.
func New(cfg Config) (*City, error) {
	if cfg.Records == 0 {
		cfg.Records = 20_000
	}
	if cfg.Records < 0 || cfg.Records > 1_000_000_000 || cfg.Days < 0 || cfg.Days > 36_500 {
		return nil, errors.New("city: records must be 1 to 1,000,000,000 and days at most 36,500")
	}
	if cfg.Days == 0 {
		cfg.Days = max(7, (cfg.Records+2999)/3000)
	}
	if cfg.Start.IsZero() {
		cfg.Start = time.Date(2025, 1, 6, 0, 0, 0, 0, time.UTC)
	} else {
		cfg.Start = time.Unix(cfg.Start.Unix()+zoneSeconds, 0).UTC()
	}
	if cfg.APIKey == "" {
		cfg.APIKey = "demo-key"
	}
	if cfg.Rates == nil {
		r := DefaultRates()
		cfg.Rates = &r
	}
	if cfg.Places == nil {
		p, err := Catalog(configs.FS, "city/catalog")
		if err != nil {
			return nil, fmt.Errorf("reading the example city: %w", err)
		}
		cfg.Places = p
	}
	c := &City{cfg: cfg, rhythm: newRhythm(), kinds: kinds(), words: newPhrases(), units: cfg.Places.Units(),
		tables: newHotlineTables(), states: hotlineStates(), touched: map[int64]int64{}, stored: map[string]int64{}}
	var err error
	if c.script, err = newScript(cfg.Faults); err != nil {
		return nil, err
	}
	if c.communities, c.counties, err = settle(cfg.Seed, cfg.Places); err != nil {
		return nil, err
	}
	c.draw = newKindTable(c.kinds)
	for i, k := range c.kinds {
		if k.demand == "咨询" {
			c.consult = uint8(i)
		}
	}
	days := cfg.Start.Unix() / daySeconds
	c.start = days * daySeconds
	c.perBlock = blockSize * float64(cfg.Days) / float64(cfg.Records)
	c.blocksPerDay = int(1/c.perBlock) + 1
	// A 110 number has four digits after the minute; they repeat after 10,000 calls. All reports of an incident arrive
	// within less than the time that takes, so that numbers stay unique at any density.
	wrap := 10_000.0 / policeSlots * c.perBlock * daySeconds
	c.spread = int64(min(40*3600, wrap/6))
	c.now = c.start + int64(cfg.Days)*daySeconds
	c.reindex()
	return c, nil
}

// Now is the city's time, which stands still until Advance.
func (c *City) Now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return unwall(c.now)
}

// unwall turns wall-clock seconds into a time.
func unwall(t int64) time.Time {
	return time.Unix(t-zoneSeconds, 0).In(time.FixedZone("Asia/Shanghai", zoneSeconds))
}

// Advance moves time: new records are opened, open ones go through their steps, closed urban rows move to the history
// table at the next Database call. Negative durations are ignored; parts of a second are dropped.
func (c *City) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		c.now += int64(d / time.Second)
	}
	c.reindex()
}

// blocksAt is how many blocks may hold records that are visible at time t.
func (c *City) blocksAt(t int64) int64 {
	days := float64(t-c.start)/daySeconds + 1 // the rhythm moves calls within their day only
	if days < 0 {
		return 0
	}
	n := int64(days/c.perBlock) + 1
	for n > 0 && c.wall(float64(n-1)*c.perBlock) > t {
		n--
	}
	return n
}

// settledAt is the first block that may still change after time t.
func (c *City) settledAt(t int64) int64 {
	return max(0, c.blocksAt(t-c.spread-lifeSeconds)-1)
}
