package city

// Who may hear of an incident.
const (
	byPolice = 1 << iota
	byHotline
	byUrban
)

// kind is one sort of incident with its codes in each department's own table and the wordings of different people. In
// texts '@' stands for the place, '#' for a small number and '%' for a two-digit number.
type kind struct {
	name    string
	heard   int  // who may hear of it
	alone   bool // never reported twice: nobody else can know of it
	storm   bool // happens in storms
	weight  int
	police  string // 6 digits, 2+2+2
	level1  string // hotline categories
	level2  string
	demand  string // hotline: 诉求类型, "" = drawn by share
	main    [2]string
	sub     [2]string
	part    bool // urban: a component (部件), not an event (事件)
	unit    string
	title   []string
	see     []string // what a caller says first
	more    []string // what a caller adds
	inspect []string // how an inspector puts it
}

// kinds is the table of incidents. Police codes follow the public 2+2+2 table; the other codes are the city's own.
func kinds() []kind {
	return []kind{
		{name: "burst_pipe", heard: 7, weight: 9, police: "601301", level1: "公用设施", level2: "供水", main: [2]string{"05", "突发事件"}, sub: [2]string{"0501", "供水管道破裂"}, unit: "水务",
			title:   []string{"@水管爆裂", "@路面冒水", "反映@停水问题", "@自来水漏水"},
			see:     []string{"地下水管爆了，水柱冲起来快#米高", "人行道砖缝里一直往外冒清水，已经淌了%米远", "自来水管子裂开，路面成了小河", "家里突然没水，下楼看见路口在喷水", "供水主管破损，泥浆翻上来了", "马路中间鼓起一块，水从裂口涌出"},
			more:    []string{"旁边商铺门槛已经进水", "积水没过脚踝，电动车过不去", "附近#栋楼水压很低", "从早上到现在没有人来关阀门", "冲出来的沙石堆在车道上", "担心路基被掏空"},
			inspect: []string{"供水管道破裂，积水面积约%平方米，影响通行", "路面返水，疑似地下管线破损", "给水管漏水，已设置临时围挡"}},
		{name: "street_light", heard: 6, weight: 7, police: "600601", level1: "公用设施", level2: "路灯照明", main: [2]string{"01", "公用设施"}, sub: [2]string{"0112", "路灯不亮"}, part: true, unit: "照明",
			title:   []string{"@路灯不亮", "夜间照明缺失", "@一片漆黑", "反映路灯损坏"},
			see:     []string{"整条路晚上黑漆漆的，%盏灯都没亮", "路灯坏了有#天，走夜路靠手机照明", "灯杆一闪一闪，后来干脆灭了", "天黑以后伸手不见五指", "照明设施失效，报修过没有回音"},
			more:    []string{"老人出门买菜摔过跤", "放学的孩子要从这里经过", "灯杆号牌看不清楚", "对面小区的灯是好的，只有这一段不亮", "怀疑是线路被施工挖断"},
			inspect: []string{"路灯#盏不亮，灯杆完好", "路灯缺亮，照度不足", "灯具损坏，灯罩脱落"}},
		{name: "manhole", heard: 7, weight: 7, police: "600602", level1: "公用设施", level2: "井盖", main: [2]string{"01", "公用设施"}, sub: [2]string{"0101", "井盖缺损"}, part: true, unit: "排水",
			title:   []string{"@井盖缺失", "窨井盖破损", "@路面有深坑", "反映井盖松动响声"},
			see:     []string{"窨井盖不见了，露出一个深洞", "井盖碎成#块，车轮压上去直晃", "盖板塌下去半边，差点把人绊进去", "下水道口没有盖子，只插了根树枝", "车一过就咣当响，整夜睡不着"},
			more:    []string{"已经有骑车的人摔倒", "晚上看不见，非常危险", "用纸箱挡着，风一吹就跑了", "上个月修过一次又坏", "井口直径大概%厘米"},
			inspect: []string{"雨水井盖缺失，已放置警示桩", "井盖破损，边框下沉#厘米", "污水井盖移位，存在安全隐患"}},
		{name: "fallen_tree", heard: 7, storm: true, weight: 6, police: "600401", level1: "市容绿化", level2: "行道树", main: [2]string{"05", "突发事件"}, sub: [2]string{"0503", "树木倒伏"}, unit: "园林",
			title:   []string{"@大树倒了", "树枝断落挡路", "@行道树倒伏压车", "反映树木倾斜"},
			see:     []string{"大风把一棵梧桐刮倒，横在路中央", "树干断了，砸在停着的车上", "行道树连根拔起，非机动车道走不了", "一根粗枝掉下来挂在电线上", "香樟歪得厉害，眼看就要倒"},
			more:    []string{"压到了#辆轿车", "公交绕不过去，后面堵了很长", "电线被扯得很低", "没有伤到人，但是行人都在绕", "树围有%厘米，几个人抬不动"},
			inspect: []string{"行道树倒伏，占用机动车道", "树木断枝约#处，影响通行", "乔木倾斜，倚靠架空线"}},
		{name: "flooding", heard: 7, storm: true, weight: 6, police: "801001", level1: "公用设施", level2: "排水积水", main: [2]string{"05", "突发事件"}, sub: [2]string{"0504", "道路积水"}, unit: "排水",
			title:   []string{"@积水严重", "下穿通道被淹", "@雨水倒灌", "反映下水道堵塞"},
			see:     []string{"暴雨过后水深到膝盖，有车泡在里面", "下水不通，雨水倒灌进了地下车库", "路面汪洋一片，看不清路沿石", "桥洞底下淹了，前车熄火", "雨篦子全被树叶堵住，水排不走"},
			more:    []string{"水位还在涨", "有#辆车抛锚", "一楼住户正在往外舀水", "没有看到抽水的人", "积水长度约%米，行人只能绕路"},
			inspect: []string{"道路积水深约%厘米，已上报排水部门", "雨水口堵塞，积水未退", "低洼路段内涝，车辆缓行"}},
		{name: "signal", heard: 3, weight: 5, police: "300301", level1: "交通出行", level2: "交通设施", main: [2]string{"01", "公用设施"}, sub: [2]string{"0120", "交通信号设施"}, part: true, unit: "交警",
			title:   []string{"@红绿灯故障", "信号灯不变灯", "@路口堵死", "反映信号灯时间不合理"},
			see:     []string{"红绿灯全灭了，四个方向抢着走", "信号灯一直红，等了%分钟不变", "东西向绿灯和南北向绿灯同时亮", "路口黄灯乱闪，没有人指挥", "灯头被撞歪，司机看不到"},
			more:    []string{"刚才差点撞上", "早高峰堵了快一公里", "请派人疏导", "斑马线上行人不敢走", "倒计时牌也不显示"},
			inspect: []string{"交通信号灯不亮，路口秩序混乱", "信号灯杆倾斜", "信号灯显示异常"}},
		{name: "garbage", heard: 6, weight: 10, level1: "市容环卫", level2: "垃圾清运", main: [2]string{"01", "市容环境"}, sub: [2]string{"0103", "积存垃圾渣土"}, unit: "环卫",
			title:   []string{"@垃圾无人清理", "垃圾桶满溢", "@建筑垃圾堆放", "反映环境脏乱"},
			see:     []string{"垃圾堆了#天没人收，苍蝇乱飞", "装修拆下来的砖块木板倒在路边", "四个桶都满了，袋子扔得到处都是", "绿化带里全是塑料袋和剩饭", "不知道谁半夜倒了一车渣土"},
			more:    []string{"天热了味道特别大", "清运车每次只收一半", "楼下开窗都不行", "占了#个停车位", "向物业说过，让找环卫"},
			inspect: []string{"暴露垃圾约#平方米", "积存渣土未覆盖，约%立方", "垃圾箱满溢，周边有散落"}},
		{name: "dust", heard: 6, weight: 5, level1: "生态环境", level2: "扬尘污染", main: [2]string{"03", "施工管理"}, sub: [2]string{"0301", "工地扬尘"}, unit: "住建",
			title:   []string{"@工地扬尘", "渣土车带泥上路", "@施工灰尘大", "反映未覆盖裸土"},
			see:     []string{"工地没有洒水，窗台一天一层灰", "渣土车轮子不冲洗，泥巴带了一路", "拆房子尘土飞扬，行人捂着嘴走", "大片黄土裸露，一刮风就睁不开眼", "搅拌车漏浆，路面结成硬块"},
			more:    []string{"家里有老人哮喘", "围挡只有半截", "每天早上#点就开始", "环保公示牌上没有电话", "已经持续%天"},
			inspect: []string{"工地出入口未硬化，车辆带泥", "裸土未覆盖，约%平方米", "施工扬尘，未见喷淋"}},
		{name: "noise", heard: 3, weight: 9, police: "600901", level1: "生态环境", level2: "噪声扰民", unit: "环保",
			title:   []string{"@夜间施工噪音", "广场舞扰民", "@半夜打桩", "反映酒吧音响太吵"},
			see:     []string{"半夜还在打桩，床都在震", "楼下烧烤店放音响到凌晨#点", "跳舞的队伍喇叭开得震耳朵", "冷却塔嗡嗡响，关窗也没用", "装修电钻从午休钻到天黑"},
			more:    []string{"孩子马上要考试", "沟通过几次反被骂", "测过有%分贝", "没有夜间施工许可", "连续#个晚上睡不好"},
			inspect: []string{"夜间施工未公示许可", "商户使用高音喇叭招揽"}},
		{name: "vending", heard: 6, weight: 9, level1: "街面秩序", level2: "占道经营", main: [2]string{"04", "街面秩序"}, sub: [2]string{"0401", "无照经营游商"}, unit: "城管",
			title:   []string{"@占道经营", "流动摊贩堵路", "@烧烤摊油烟", "反映店外经营"},
			see:     []string{"小吃摊把人行道占满，只能走机动车道", "水果车停在公交站台上卖", "烧烤桌椅摆到了盲道", "每到傍晚#十多个摊子围住校门口", "店家把货架搬出来一米多"},
			more:    []string{"油烟直往楼上飘", "城管来了就跑，走了又回来", "收摊以后满地竹签", "消防通道被挡住", "婴儿车推不过去"},
			inspect: []string{"无照游商#处，占用人行道", "店外经营，占道约#米", "流动摊点聚集，已劝离"}},
		{name: "adverts", heard: 6, weight: 6, level1: "宣传广告", level2: "违法张贴", main: [2]string{"02", "宣传广告"}, sub: [2]string{"0201", "非法小广告"}, unit: "城管",
			title:   []string{"@小广告泛滥", "广告牌破损", "@横幅乱挂", "反映招牌松动"},
			see:     []string{"楼道里贴满办证和开锁的纸", "灯箱广告牌铁皮翘起来，风一吹哐哐响", "树上拉着横幅，绳子勒进树皮", "电线杆喷了一排电话号码", "门头招牌少了#个螺丝"},
			more:    []string{"刚刷的墙又被喷上", "怕掉下来砸到人", "影响整个街面", "物业说不归他们管", "大约%张"},
			inspect: []string{"非法小广告约%处", "户外广告设施破损", "违规悬挂横幅#条"}},
		{name: "parking", heard: 7, weight: 10, police: "300401", level1: "交通出行", level2: "违法停车", main: [2]string{"04", "街面秩序"}, sub: [2]string{"0406", "机动车乱停放"}, unit: "交警",
			title:   []string{"@车辆乱停", "消防通道被占", "@违停堵路", "反映人行道停车"},
			see:     []string{"一排车停在人行道上，盲道全压住", "消防登高面停了#辆车", "双排停车，公交都挤不过去", "有辆面包车横在出口", "校门口送孩子的车乱停"},
			more:    []string{"贴过条没有用", "打了挪车电话没人接", "要是着火救援车进不来", "从昨天停到现在", "希望装隔离桩"},
			inspect: []string{"人行道违停#辆", "机动车占用盲道", "非机动车乱停放约%辆"}},
		{name: "move_car", heard: 3, alone: true, weight: 30, police: "501201", level1: "交通出行", level2: "挪车", demand: "求助", unit: "交警",
			title: []string{"请求挪车", "@车辆被堵", "联系车主挪车"},
			see:   []string{"车被前面一辆轿车堵住出不来", "请帮忙联系车主挪一下车", "门口被堵，急着送人去医院", "车位被别人占了，没有留电话"},
			more:  []string{"已经等了%分钟", "挡风玻璃后没有号码", "按喇叭也没人来", "就在大门右手边"}},
		{name: "theft", heard: 1, alone: true, weight: 10, police: "100100", unit: "派出所",
			see:  []string{"电动车电瓶被偷", "店里少了一部手机", "家里门锁被撬，抽屉翻乱", "停在车棚的自行车不见了", "快递放在门口被人拿走"},
			more: []string{"大约是昨晚发生的", "门口有监控", "损失#百多元", "隔壁也丢过", "钥匙孔有划痕"}},
		{name: "quarrel", heard: 1, alone: true, weight: 10, police: "200301", unit: "派出所",
			see:  []string{"有人打架", "两个人因为琐事吵起来，快动手了", "客人喝多了砸东西", "为了停车推搡", "买菜找零发生争执"},
			more: []string{"围了很多人", "没有人受伤", "手里拿着酒瓶", "要求民警到场", "已经劝开又吵"}},
		{name: "family", heard: 1, alone: true, weight: 4, police: "200302", unit: "派出所",
			see:  []string{"家庭纠纷，请民警来一趟", "夫妻吵架，孩子在哭", "被家里人打了"},
			more: []string{"不方便多说", "没有伤", "老人也在场"}},
		{name: "crash", heard: 1, weight: 14, police: "300101", unit: "交警",
			see:  []string{"两车追尾，后车保险杠掉了", "电动车和轿车碰了一下", "货车右转刮倒骑车的", "撞了隔离护栏", "三车连环撞，占了#条道"},
			more: []string{"人没事，车走不了", "有人腿擦破皮，叫了救护车", "双方对责任有争议", "漏了一地机油", "请尽快来处理，后面堵死了"}},
		{name: "smoke", heard: 3, weight: 4, police: "400101", level1: "公共安全", level2: "消防安全", unit: "消防",
			title: []string{"@冒烟起火", "楼道充电起火", "@有焦糊味"},
			see:   []string{"楼上窗户冒黑烟", "垃圾堆着火了，火苗一人高", "电瓶车充电烧起来", "厨房油锅着火，邻居都跑下来", "配电箱有火花和焦味"},
			more:  []string{"不知道里面有没有人", "用灭火器喷了还在冒", "#楼的住户在喊", "烟往楼道里灌", "离煤气管很近"}},
		{name: "gas", heard: 3, weight: 4, police: "601302", level1: "公用设施", level2: "燃气", unit: "燃气",
			title: []string{"@燃气泄漏", "闻到煤气味", "@管道有异响"},
			see:   []string{"走到这里就闻到很浓的煤气味", "燃气管被挖机碰破，嘶嘶作响", "调压箱漏气，隔很远都能闻到", "楼道里臭鸡蛋味越来越重"},
			more:  []string{"不敢开灯", "已经让大家关了阀门", "工人都撤出来了", "味道持续%分钟", "附近有学校"}},
		{name: "outage", heard: 3, storm: true, weight: 6, police: "600201", level1: "公用设施", level2: "供电", unit: "供电",
			title: []string{"@停电", "变压器跳闸", "@电压不稳"},
			see:   []string{"整片停电，什么时候能来电", "变压器砰的一声，灯全灭了", "电线掉在地上还在冒火花", "电梯停了，有人关在里面", "只有我们#号楼没有电"},
			more:  []string{"家里有人用制氧机", "冰箱里的东西要坏了", "供电热线打不进去", "已经%分钟", "天黑楼道不敢走"}},
		{name: "lost", heard: 1, alone: true, weight: 4, police: "500301", unit: "派出所",
			see:  []string{"老人走失，穿灰色外套", "捡到一个迷路的小孩", "家人出门后联系不上"},
			more: []string{"平时记性不好", "最后在菜场附近见过", "没带手机", "已经找了#个小时"}},
		{name: "unlock", heard: 1, alone: true, weight: 5, police: "500501", unit: "消防",
			see:  []string{"钥匙锁在屋里，灶上还烧着水", "小孩反锁在房间", "门打不开，里面有老人"},
			more: []string{"开锁的说要%分钟", "窗户够不着", "请帮忙联系"}},
		{name: "silent", heard: 1, alone: true, weight: 8, police: "990100", unit: "派出所",
			see:  []string{"无声电话", "接通后挂断", "小孩玩手机误拨", "无故辱骂后挂机"},
			more: []string{"回拨无人接听", "重复拨打#次", "确认为误报"}},
		{name: "estate", heard: 2, weight: 9, level1: "住房物业", level2: "物业服务", unit: "街道",
			title: []string{"@物业不作为", "电梯长期故障", "@停车费不合理", "反映小区漏水"},
			see:   []string{"电梯坏了#天，高层老人下不了楼", "物业收费涨了，保洁却少了", "楼顶漏水，维修基金一直没批", "小区门禁坏掉，外人随便进", "地下车位只卖不租"},
			more:  []string{"业委会没有成立", "去办公室没人理", "%户签了联名信", "合同上不是这样写的", "希望街道出面协调"}},
		{name: "illegal_build", heard: 6, weight: 6, level1: "住房物业", level2: "违法建设", main: [2]string{"01", "市容环境"}, sub: [2]string{"0101", "私搭乱建"}, unit: "城管",
			title:   []string{"@违章搭建", "楼顶加盖", "@圈占绿地"},
			see:     []string{"有人在楼顶加盖房间，天天电焊", "一楼把绿地圈成私家院子", "彩钢棚搭到了公共通道", "地下室往外扩挖", "阳台外面又接出去#米"},
			more:    []string{"挡住了采光", "楼板开始有裂缝", "拆过又建", "没有看到审批手续", "施工已经%天"},
			inspect: []string{"私搭乱建，面积约%平方米", "占用公共绿地搭建", "屋顶违建在施"}},
		{name: "sewage", heard: 6, weight: 6, level1: "公用设施", level2: "污水排放", main: [2]string{"05", "突发事件"}, sub: [2]string{"0502", "污水冒溢"}, unit: "排水",
			title:   []string{"@污水横流", "化粪池满溢", "@河水发黑"},
			see:     []string{"污水从井口翻出来，臭得不行", "化粪池满了流到健身广场", "河水发黑，漂着死鱼", "餐馆泔水直接倒进雨水口", "下水管接错，阳台返水"},
			more:    []string{"路过要踮着脚", "抽过一次，没过#天又满", "小孩在旁边玩", "流了大概%米", "天气一热更难闻"},
			inspect: []string{"污水井冒溢，约#平方米", "雨污混接，排口有污水", "河道漂浮物，水体异味"}},
		{name: "shop", heard: 2, alone: true, weight: 9, level1: "市场监管", level2: "消费维权", unit: "市监",
			title: []string{"健身卡不退费", "网购商品质量问题", "餐饮店食品变质", "装修公司失联"},
			see:   []string{"健身房关门，年卡还剩#个月", "买的家电坏了商家不保修", "外卖里吃出异物", "培训班停课不退钱", "预付卡充了%百元不能用"},
			more:  []string{"电话没有人接", "有付款记录", "商家说要去总部申请", "要求退一赔三", "还有很多人一样"}},
		{name: "consult", heard: 2, alone: true, demand: "咨询", level1: "政务服务", level2: "政策咨询", unit: "热线",
			title: []string{"咨询社保转移", "公积金提取问题", "咨询入学政策", "身份证办理咨询", "医保报销比例", "居住证办理流程", "咨询停车收费标准", "新生儿落户材料"},
			see:   []string{"想问社保从外地转过来要带什么材料", "公积金租房提取一年能办几次", "孩子今年上一年级，划片怎么看", "居住证到期在哪里续签", "异地就医备案怎么弄", "营业执照变更地址要几天", "失业金领取条件有哪些", "驾照到期换证能不能网上办"},
			more:  []string{"窗口几点下班", "网上看到的说法不一样", "上次让带的材料是不是还要", "能不能代办", "要等#个工作日吗", "户口不在本地有没有影响"}},
	}
}

// Wordings that go with every kind. They are many and unlike each other: two callers about one incident share the place
// and little else.
type phrases struct {
	callerOpen, hotlineOpen, effect, policeAsk, hotlineAsk, patrol, feedback, reply []string
}

func newPhrases() phrases {
	return phrases{
		callerOpen:  []string{"", "", "报警称", "来电人说", "群众报警：", "路人反映", "热心市民报称", "司机称", "一女子报警说", "保安来电，", "对方称"},
		hotlineOpen: []string{"市民来电反映，", "您好，", "来电人表示：", "本人住在附近，", "网民留言：", "我是路过的，", "请问有人管吗？", "再次来电，", "店主反映，", "家长反映：", "上班路上看到，", "住户投诉，", "反映一个情况，", "刚才经过，", "有位老先生来电，"},
		effect:      []string{"给大家出行带来很大不便", "存在较大安全隐患", "周边居民意见很大", "影响了正常生活", "老人小孩经过都提心吊胆", "多次出现类似情况", "已经有人在群里议论", "晚上更加明显", "雨天尤其严重", "影响做生意", "看着很揪心", "跟文明城市不相称", "时间拖得太久了", "左邻右舍都可以作证"},
		policeAsk:   []string{"请民警到场处理", "要求尽快出警", "请派人来看看", "现场有人等候", "已告知注意安全", "转相关单位处置", "需要拖车", "请联动部门一并到场", "在路口等", "报警人情绪激动"},
		hotlineAsk:  []string{"希望相关部门尽快处理并回复", "请安排人员现场查看", "要求明确解决时间", "请给个说法", "盼早日整改", "请核实后电话告知结果", "希望加强日常巡查", "建议长期治理，不要一阵风", "请相关单位督促落实", "诉求：恢复原状", "想知道归哪个单位负责", "请予以重视", "麻烦催办一下", "如仍不解决将继续反映"},
		patrol:      []string{"监督员巡查发现", "巡查上报：", "采集员现场核实，", "视频巡检发现", "例行巡查，"},
		feedback:    []string{"民警已到现场，正在处置", "现场已处理完毕，请求销案", "报警人已离开，无法联系", "双方自行协商解决", "已移交责任单位", "请求增派警力", "补充：现场有围观群众", "经核实情况属实，已劝导", "联系不上报警人，请回拨", "拖车已到，道路恢复"},
		reply:       []string{"经现场核查，情况属实，已安排人员处理完毕。", "已责成责任单位整改，预计#个工作日完成。", "经核实，该处不属于本单位管辖，已转相关部门。", "工作人员已与来电人联系并解释，来电人表示理解。", "已列入年度改造计划，请耐心等待。", "已完成修复，后续将加强巡查。", "经查，来电反映的问题已于当日解决。"},
	}
}
