# ruff: noqa: E501  # an alternation is easier to check as one line a branch than wrapped
# an alternation is easier to check as one line a branch than wrapped
"""What instructions to a model look like, by language. Each rule asks for the whole shape, not for a trigger word.

All gaps are bounded, so the time is linear. Patterns run without accents and without regard to case; a rule is
tried only on texts that hold one of its ``triggers``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag_service.detect.injection_languages import shapes

VERSION = "injection-4"


@dataclass(frozen=True, slots=True)
class Rule:
    """One shape. Where ``refusable``, a negation right before it turns it into advice: "never ignore …"."""

    name: str
    triggers: tuple[str, ...]
    pattern: re.Pattern[str]
    refusable: bool = True


def _rule(name: str, triggers: str, pattern: str, *, refusable: bool = True) -> Rule:
    return Rule(name, tuple(triggers.split("|")), re.compile(pattern, re.IGNORECASE | re.VERBOSE), refusable)


NEGATION = re.compile(
    r"(?:\bnot|n't|n’t|\bnever|\bavoid|\bwhy|\bwithout|\bcannot|\brefuse to|\bno|\bnunca|\bjamais|\bne|\bnicht|\bniemals|\bmai"
    r"|\bnon|\bnao|\bnunca|\bif (?:you|they|we|someone)|\btries to|\btrying to|\bimportant to|\battempts? to|\bprompts? that|\bhow to)"
    r"\s{1,3}(?:\w{1,12}\s{1,3}){0,2}$",
    re.IGNORECASE,
)
"""Before a command, this makes it advice to people rather than an order to a model."""

_GAP = r"(?:\W{1,3}\w{1,20}){0,%d}?\W{1,3}"
_EARLIER = r"(?:previous|prior|above|earlier|preceding|foregoing|past|former|initial|original)"
_WORDS = r"(?:instructions?|instruction\ sets?|prompts?|directives?|commands?|orders|programming|guidelines|rules|context|constraints)"
_OWN = r"(?:your|system|developer|hidden|internal|safety|content)"

RULES: tuple[Rule, ...] = (
    _rule(
        "override",
        "ignor|disregard|forget|overrid|bypass|discard|neglect|not follow|n't follow|stop following|abandon",
        rf"""\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget|overrid(?:e|ing)|bypass|discard|neglect|abandon|stop\ following|(?:do\ not|don[’']t)\ follow)
        \ +(?:(?:all|any|every|of|the|these|those|my|our|and|following|other|given|existing|current|such|set|to|provided|received)\ +){{0,5}}
        (?:(?:{_EARLIER}|{_OWN})(?:\ +and\ +(?:{_EARLIER}|following|future))?\ +){{1,3}}(?:(?:safety|system|ethical|content)\ +)?{_WORDS}\b
        (?!\ +(?:manual|booklet|leaflet|sheet|for\ use|on\ (?:page|the)|in\ (?:the|your|section|chapter|this)|from\ (?:your|the)))""",
    ),
    _rule(
        "override",
        "ignor|disregard|forget",
        r"""\b(?:ignore|disregard|forget)\ +(?:about\ +)?(?:(?:all|any|every)\ +(?:of\ +)?(?:the\ +|these\ +|your\ +)?(?:instructions?|directives?|rules|guidelines|prompts?)
        (?:\ +(?:you\ (?:got|were|have|received)|and\ +\w|above|before|so\ far|given)|\s{0,2}[.!,:]|$)|
        (?:everything|all|anything|whatever)\ +(?:\w{1,12}\ +){0,2}(?:above|(?:were|been)\ +(?:told|instructed|given|taught)|told\ you|said\ (?:above|before)|before\ this)
        |(?:your|the)\ +(?:training|programming|guidelines|safety\ \w{1,12}|restrictions|instructions?)(?:\ +and\b|\s{0,2}[.!]|$))""",
    ),
    _rule(
        "persona",
        "you are|you're|act |pretend|role|persona|behave",
        rf"""\b(?:you(?:\ are|[’']re)(?:\ (?:now|no\ longer|going\ to\ act\ as))?|act(?:ing)?\ (?:exactly\ |just\ )?(?:as|like)|pretend\ (?:to\ be|(?:that\ )?you(?:[’']re|\ are))|behave\ (?:as|like)|role\ ?-?play\ as|persona\ of|role\ of)
        {_GAP % 5}(?:DAN\b|do\ anything\ now|unrestricted|uncensored|unfiltered|jail\ ?broken|evil\ \w{{1,12}}|amoral
        |(?:AI|model|assistant|chatbot|bot|LLM)\ (?:\w{{1,12}}\ ){{0,2}}(?:with(?:out)?|that|who|free)\ (?:any\ |no\ |has\ no\ )?(?:\w{{1,12}}\ )?(?:restrictions?|limits?|limitations|filters?|rules|guidelines|content\ policy|ethics|censorship|morals)
        |(?:developer|debug|god|admin|sudo|maintenance|DAN)\ mode)""",
    ),
    _rule(
        "unbound",
        "restriction|limitation|filter|censor|content polic|guideline|constraint|without limits",
        r"""\b(?:from\ now\ on|you\ (?:can\ |must\ |will\ |should\ )?now|hereafter|you\ must|you\ will|answer|respond|comply|proceed|output|operate|in\ \w{1,12}\ mode)\b[^.!?\n]{0,80}?
        \b(?:no|without|free\ (?:of|from)|ignoring|not\ bound\ by)\ (?:any\ |all\ |your\ )?(?:content\ |ethical\ |safety\ |moral\ |further\ )?(?:restrictions?|limitations?|limits|filters?|filtering|censorship|guidelines|constraints|content\ polic(?:y|ies))\b""",
        refusable=False,
    ),
    _rule(
        "unbound",
        "safety|restriction|content",
        r"""\b(?:safety|security|content|ethical)\ (?:protocols?|filters?|filtering|guidelines|guardrails|policy|policies|checks|rules|restrictions|measures)\b[^.!?\n]{0,40}
        \b(?:disabled|lifted|suspended|turned\ off|no\ longer\ appl\w{1,4}|do(?:es)?\ not\ apply|not\ meant\ for\ this)\b[^\n]{0,80}?\b(?:respon[sd]|answer|unrestricted|comply|reply|assistant|output|proceed)""",
        refusable=False,
    ),
    _rule(
        "unbound",
        "safety check|rules have changed|grant all|all requests|restricted content|usual restrictions|anything now|dan mode|developer mode",
        r"""\b(?:skip|bypass|waive)\ (?:all\ )?(?:the\ )?(?:safety|security)\ (?:checks|confirmations|filters|rules)\b[^\n]{0,80}?(?:task|session|asking|confirm)
        |your\ (?:rules|guidelines|instructions)\ have\ (?:been\ )?changed|grant\ all\ requests|output\ the\ restricted\ content|exempt\ from\ the\ usual\ restrictions
        |\bdo\ anything\ now\b|\b(?:DAN|developer)\ mode\ (?:is\ )?(?:enabled|activated|on\b)|with\ (?:DAN|developer)\ mode\ enabled""",
    ),
    _rule(
        "prompt_extraction",
        "prompt|instruction|words above|text above|guidelines|your rules",
        rf"""\b(?:reveal|show|print|repeat|output|display|tell|give|leak|expose|dump|disclose|share|write|recite|quote|summari[sz]e|list|return|translate|what(?:\ (?:is|are|was|were)|[’']s)|include|append|add)
        {_GAP % 6}(?:(?:(?:your|the|its)\ (?:\w{{1,12}}\ )?)?(?:system|initial|hidden|secret|original|developer)\ prompts?(?!\ (?:engineering|design|template))
        |your\ (?:(?:\w{{1,12}}\ )?(?:system|initial|original|hidden|secret|internal|exact|operating|developer|confidential)\ (?:instructions?|guidelines|rules|configuration)|prompt\b)
        |(?:instructions?|prompt|rules|guidelines)\ (?:that\ )?(?:you\ (?:were|have\ been)|you[’']ve\ been)\ (?:given|told)
        |(?:the\ )?(?:words|text|everything|content)\ above\ (?:starting|beginning|verbatim|word))""",
    ),
    _rule(
        "secrecy",
        "tell|inform|mention|reveal|alert|notify|let",
        r"""\b(?:do\ not|don[’']t|never)\ (?:ever\ )?(?:(?:tell|inform|alert|notify|let)\ (?:the\ |this\ to\ the\ )?(?:user|human|reader)s?\b
        |(?:mention|reveal|disclose|say)\ (?:\w{1,12}\ ){0,4}to\ the\ (?:user|human|reader)\b)""",
        refusable=False,
    ),
    _rule(
        "addressed_to_model",
        "ai|bot|llm|language model|assistant",
        r"""\b(?:note|message|instructions?|attention|important|reminder|notice|command|hint|warning)s?\b[\s,:*#-]{1,4}(?:to|for)\ (?:the\ |any\ |all\ |every\ )?(?:AI|A\.I\.|LLMs?|(?:large\ )?language\ models?|bots?|chat\ ?bots?|assistant\b(?!\ (?:manager|director|professor|editor|coach|principal|secretary))|(?:AI|coding)\ (?:\w{1,10}\ )?(?:assistants?|agents?|models?|systems?))\b
        |\bif\ you\ are\ (?:an?\ |the\ )?(?:AI|LLM|(?:large\ )?language\ model|chat\ ?bot|automated\ assistant)\b
        |\((?:for|to)\ AI\ (?:\w{1,10}\ )?(?:assistants?|agents?|models?)\)|\bdear\ (?:AI|LLM|language\ model)\b
        |\bas\ an?\ (?:AI|LLM|language\ model)(?:\ \w{1,12}){0,2},?\ you\ (?:must|should|will|have\ to|need\ to)\b""",
        refusable=False,
    ),
    _rule(
        "role_token",
        "<|im_|<|system|<|user|<|assistant|<|endof|<|eot|<|start_header|[inst]|[/inst]|<<sys|end of user input|[system]|### system|### instruction",
        r"""<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id)\|>|\[/?INST\]|<</?SYS>>
        |\#{2,6}\ *end\ of\ (?:user\ )?(?:input|prompt|document|context)|^\[system\](?:\(\#\w{1,20}\))?|^\#{3}\ ?(?:system|instruction)s?\ ?:""".replace(
            "^", r"(?m:^)"
        ),
        refusable=False,
    ),
    _rule(
        "false_turn",
        "system|assistant",
        r"""(?m:^)\W{0,4}(?:system|assistant)\ ?(?:message|override|prompt|update|note)?\ ?:\W{0,4}(?:sure[,!]|of\ course|certainly|here\ (?:is|are)\ the|I\ (?:will|have|can|am)|you\ (?:are|must|will|now)|ignore|disregard|forget
        |the\ user\ is|grant|from\ now|new\ (?:instructions?|rules?|task)|override|call\ [a-z]{2,12}_|cleanup\ required|execute|do\ not\ (?:tell|reveal))
        |\b(?:important|urgent|critical|mandatory)?\ ?system\ (?:override|update|message|note)\ ?:[^\n]{0,60}\b(?:your|you|ignore|token|assistant|response)\b""",
        refusable=False,
    ),
    _rule(
        "exfiltration",
        "send|forward|email|e-mail|post|upload|transmit|exfiltrat|leak|deliver",
        rf"""\b(?:send|forward|e-?mail|post|upload|transmit|exfiltrate|leak|deliver)\b{_GAP % 10}(?:customers?\ (?:list|e-?mails|data|database)|databases?|credentials|passwords?|api\ keys?|conversation|chat\ (?:history|log)|secrets|user\ data|private\ data|session\ (?:token|data))
        {_GAP % 8}(?:https?://|[\w.+-]{{1,40}}@[\w-]{{1,40}}\.)
        |\b(?:conversation|chats?|history|passwords?|credentials?|secrets?|tokens?|api\ keys?|databases?|customers?\ (?:list|data|records)|user\ data|prompts?|context|messages)\b[^\n]{{0,80}}?
        \b(?:send|forward|e-?mail|post|upload|transmit|exfiltrate|leak|deliver)\b{_GAP % 10}(?:them|everything){_GAP % 8}(?:https?://|[\w.+-]{{1,40}}@[\w-]{{1,40}}\.)""",
    ),
    _rule(
        "exfiltration",
        "](http|append|insert|encode|embed",
        r"""!\[[^\]\n]{0,80}\]\(https?://[^)\s]{1,200}[?&/=](?:\{|%7b|<|\[|\$\{)[^)\n]{1,80}\)
        |\b(?:append|insert|encode|embed|put|add|include)\ (?:\w{1,12}\ ){0,6}?(?:conversation|chat\ history|user(?:[’']s)?\ \w{1,12}|answer|secrets?|data|context|question)\ (?:\w{1,12}\ ){0,4}?(?:in|into|to|as)\ (?:\w{1,12}\ ){0,3}?(?:url|link|image|query\ (?:string|parameter))""",
    ),
    _rule(
        "tool_call",
        "call|invoke|use|run|execute",
        r"""\b(?:call|invoke|use|run|execute)\ (?:the\ )?(?:tool\ |function\ )?`?(?:send|delete|forward|transfer|drop|remove|wire|exec|run|post|upload|write|update)_[a-z_]{2,30}`?[^\n]{0,120}?
        \b(?:before\ (?:responding|continuing|answering|you|proceeding|replying)|and\ (?:forward|send)|without\ asking|to\ send\ (?:it|this|them))""",
    ),
    _rule(
        "task_switch",
        "real|true|actual|new",
        r"\byour\ (?:real|true|actual|new)\ (?:task|job|purpose|goal|instructions?|objective|directive|mission|orders)\ (?:is|are)\ (?:now\ )?(?:to|as|:)",
    ),
    _rule(
        "task_switch",
        "when you|once you|when this|decode",
        r"""\b(?:when|once|after|while)\ (?:you\ )?(?:read|process|summari[sz]e?|see|review|handle|answer|reading|processing)(?:ing)?\ (?:this|the)\b[^.\n,]{0,30},\s?(?:you\ must\s|please\s|also\s){0,2}(?:e-?mail|send|forward|call|include|append|reply|say|output|ignore|delete|post|reveal|print)\b
        |\bdecode\b[^.\n]{0,60}?\b(?:and|then)\s(?:do|follow|execute|obey|run|perform)\b[^.\n]{0,20}?(?:what|instructions?|it\b|says)""",
    ),
    _rule(
        "task_switch",
        "just say|just print|just output|only say|instead say|stop everything|answer with|always append|every future|all future|from now on",
        r"""\b(?:and|now|instead|!+|nevermind)\W{0,5}(?:just|only)\ (?:say|print|output|reply|write|respond)\b\W{0,3}(?:with\b)?
        |\b(?:always\ (?:append|include|add|insert|say)|must\ be\ (?:included|added|appended))\b[^.\n]{0,80}?(?:every|all|each|any)\ (?:future\ )?(?:summar(?:y|ies)|responses?|repl(?:y|ies)|answers?|reports?|outputs?)
        |\bfrom\ now\ on,?\ you\ (?:will|must|are\ going\ to|have\ to|shall)\ (?:have\ to\ )?(?:answer|act|respond|reply|behave|be\b|ignore|obey|only)""",
    ),
    _rule(
        "answer_steering",
        "answer|response|reply|output|summary",
        r"""\b(?:modify|alter|adjust|rewrite|rephrase|encode|encrypt|translate|convert|scramble|reverse|craft|obfuscate|rearrange|anagram|misspell|cipher|shuffle|jumble|transform)\ (?:\w{1,14}\ ){0,5}?(?:your|the)\ (?:\w{1,12}\ )?(?:answer|response|reply|output)\b
        |\b(?:remove|delete|insert|group|replace|substitute|use|introduce|integrate|incorporate|embed|weave)\b[^.\n]{2,120}?\b(?:in|into|from|within|throughout|to|of)\ your\ (?:\w{1,12}\ )?(?:answer|response|reply|output)\b
        |\b(?:add|include|append|mention|suggest)\ (?:an?\ |some\ |the\ exact\ )?(?:["“'][^"”\n]{2,160}["”']|(?:\w{1,16}[\ -]){0,3}?(?:sentence|statement|link|headline|paragraph|message|reason|reminder|token|claim|advertisement|phrase|fact)\b)[^\n]{0,120}?\b(?:in|into|to|within|at\ the\ end\ of)\ (?:\w{1,10}\ ){0,3}?your\ (?:\w{1,12}\ )?(?:answer|response|reply|output|summary|review)\b
        |\b(?:augment|enhance|enrich|spice\ up)\ your\ (?:\w{1,12}\ )?(?:answer|response|reply|output)\ (?:with|by)\b
        |\b(?:in|end|begin|start|finish|conclude|complement|supplement|preface)\ your\ (?:answer|response|reply),?\ (?:with\ (?:an?\b|the\b|["“'])|suggest|mention|include|tease|encourage|advise|urge|promote|recommend|direct|point|subtly|hint)
        |\b(?:provide|give|write|present|deliver|produce|respond|answer)\ (?:\w{1,14}\ ){0,2}?(?:your\ (?:answer|response|reply)\ )?(?:in|using|with|without)\ (?:\w{1,14}\ ){0,3}?(?:cipher|morse|pig\ latin|leet|base64|rot13|anagram(?:s|med)?|misspell(?:ings?|ed)|alphanumeric\ substitution|emojis?\ only|homophon\w{1,4})""",
    ),
    _rule(
        "canary",
        "token|code|reference",
        r"\b(?:you\ )?must\ (?:include|append|add|repeat|output)\ the\ (?:\w{1,14}\ ){0,3}(?:token|code|string)\b|\bappend\ the\ (?:exact\ )?(?:token|string)\b",
    ),
    # --- other languages: override, extraction, persona, secrecy -------------------------------------------------
    _rule(
        "override",
        "ignor|olvid|omit|descart|desobede|caso omiso|esquec|esquece|desconsider",
        r"""\b(?:ignor(?:a|e|ad|en|ar|em)|olvid(?:a|e|en|ad|ar)|omite|descart[ae]|(?:haz|haga)\ caso\ omiso\ de|no\ sigas|desobedec\w{1,4}|esquec\w{1,4}|desconsider\w{1,4})\b\W{1,3}(?:\w{1,14}\W{1,3}){0,5}?
        (?:(?:tus|suas|tuas|todas\ (?:las|as|tus|suas))\ (?:instrucc?[ic]ones|indicaciones|reglas|directrices|instruc[oc]es|regras|diretrizes|orientac[o]es|restricciones)
        |(?:instrucciones|indicaciones|reglas|directrices|ordenes|instrucoes|regras|diretrizes|orientacoes)\ (?:\w{1,10}\ ){0,2}(?:anteriores|previas|de\ arriba|del\ sistema|do\ sistema|acima))""",
    ),
    _rule(
        "override",
        "ignor|oubli|compte de|desobei|abstraction",
        r"""\b(?:ignor(?:e|ez|er)|oubli(?:e|ez|er)|ne\ (?:tiens|tenez)\ pas\ compte\ de|(?:fais|faites)\ abstraction\ de|desobei\w{1,4})\b\W{1,3}(?:\w{1,14}\W{1,3}){0,4}?
        (?:(?:tes|toutes\ (?:les|tes|vos))\ (?:instructions|consignes|directives|regles)|(?:instructions|consignes|directives|regles)\ (?:\w{1,10}\ ){0,2}(?:precedentes|anterieures|ci-dessus|systeme|du\ systeme))""",
    ),
    _rule(
        "override",
        "ignorier|vergiss|vergessen sie|missacht|beachte",
        r"""\b(?:ignorier(?:e|en|t)?|vergiss|vergessen\ sie|missacht\w{1,3}|beachte\w{0,1}\ nicht)\b\W{1,3}(?:\w{1,14}\W{1,3}){0,4}?
        (?:(?:deine|alle|eure|vorherigen|bisherigen|vorangegangenen|obigen|fruheren|vorigen|system)\W{1,3}(?:\w{1,14}\W{1,3}){0,2}?(?:system)?(?:anweisung(?:en)?|instruktionen|richtlinien|vorgaben|regeln|befehle|anordnungen))""",
    ),
    _rule(
        "override",
        "ignor|dimentic|trascur|non seguire",
        r"""\b(?:ignora(?:re|te)?|dimentica(?:re|te)?|trascura(?:re|te)?|non\ seguire)\b\W{1,3}(?:\w{1,14}\W{1,3}){0,4}?
        (?:(?:tue|tutte\ le|vostre)\ (?:istruzioni|indicazioni|regole|direttive|linee\ guida)|(?:istruzioni|indicazioni|regole|direttive)\ (?:\w{1,10}\ ){0,2}(?:precedenti|di\ sistema|di\ cui\ sopra|sopra))""",
    ),
    _rule(
        "prompt_extraction",
        "sistem|system|sistema",
        r"""\b(?:muestra\w{0,3}|revela\w{0,3}|dime|ensena\w{0,3}|montre[zs]?|revele[zs]?|affiche[zr]?|zeig\w{0,2}|verrat\w{0,2}|gib|nenne\w{0,1}|mostra\w{0,3}|rivela\w{0,2}|mostre|diga|dimmi|repete\w{0,2}|repite)\b(?:-moi)?\W{1,3}(?:\w{1,14}\W{1,3}){0,6}?
        (?:prompts?\ (?:de\ |del\ |do\ |di\ |du\ )?(?:sistema|systeme|system)|system[\ -]?prompt|systemanweisung(?:en)?|systemaufforderung|(?:istruzioni|instrucciones|instructions|instrucoes)\ (?:\w{1,8}\ )?(?:di\ |de\ |del\ |du\ |do\ )?(?:sistema|systeme))""",
    ),
    _rule(
        "unbound",
        "sin restric|sans restric|sans limit|ohne einschr|ohne beschr|senza restriz|senza limit|sem restri|sem limit|no aplican|hier nicht gelten",
        r"""\b(?:ahora\ eres|eres\ ahora|du\ bist\ (?:jetzt|nun|ab\ sofort)|tu\ es\ (?:maintenant|desormais)|vous\ etes\ (?:desormais|maintenant)|(?:ora|adesso)\ sei|voce\ (?:agora\ )?e|agora\ voce\ e|asistente|assistente?|assistent|responder?|repondre|rispond\w{1,4}|antworte\w{0,2})\b[^.\n]{0,100}?
        \b(?:sin\ (?:\w{1,10}\ )?restricciones|sans\ (?:\w{1,10}\ )?(?:restrictions?|limites?)|ohne\ (?:\w{1,10}\ )?(?:einschr\w{1,3}nkungen|beschr\w{1,3}nkungen)|senza\ (?:\w{1,10}\ )?(?:restrizioni|limiti|limitazioni)|sem\ (?:\w{1,10}\ )?(?:restricoes|limites))
        |(?:ohne\ (?:einschr\w{1,3}nkungen|beschr\w{1,3}nkungen)\ zu\ antworten)""",
        refusable=False,
    ),
    _rule(
        "secrecy",
        "usuario|utilisateur|nutzer|utente|usuario",
        r"\bno\ (?:se\ lo\ |le\ )?(?:digas|menciones|informes)\ (?:\w{1,10}\ ){0,2}al\ usuario|\bne\ (?:le\ )?(?:dis|dites|mentionne\w{0,2})\ (?:pas|rien)\ a\ l.utilisateur|\bsag\w{0,1}\ (?:es\ )?dem\ (?:be)?nutzer\ nicht|\bnon\ (?:dire|dirlo)\ all.utente|\bnao\ (?:diga|conte|mencione)\ (?:\w{1,10}\ ){0,2}ao\ usuario",
        refusable=False,
    ),
    _rule(
        "canary",
        "jeton|token|note systeme|nota di sistema|nota del sistema|systemhinweis",
        r"\b(?:note\ (?:du\ )?systeme|nota\ (?:di|del|do)\ sistema|systemhinweis)\ ?:[^\n]{0,200}?\b(?:reponse|risposta|respuesta|resposta|antwort)",
        refusable=False,
    ),
    *(Rule(name, held, pattern) for name, held, pattern in shapes()),
)
