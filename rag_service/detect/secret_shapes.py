"""The forms of keys and tokens that tell by themselves what they are.

Every repetition is bounded and every pattern begins with letters of its own, so the time is linear in the text.
"""

from __future__ import annotations

import re

SHAPES = re.compile(
    r"""
    (?<![A-Za-z0-9_])(?:  # not within a longer word
      # Amazon: key id, session key id; Bedrock keys
      (?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}(?![A-Za-z0-9])
      | ABSK[A-Za-z0-9+/]{100,300}={0,2}
      # GitHub, GitLab, Bitbucket, Atlassian
      | gh[pousr]_[A-Za-z0-9]{36,255}
      | github_pat_[A-Za-z0-9_]{22,255}
      | gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_.-]{20,128}
      | GR1348941[A-Za-z0-9_-]{20,40}
      | AT(?:ATT3x|CTT3x|BB)[A-Za-z0-9_=-]{24,300}
      # Slack, Discord, Telegram, Teams
      | xox[abceoprs]-[A-Za-z0-9-]{10,255}
      | xapp-\d-[A-Z0-9]{8,16}-\d{8,16}-[a-f0-9]{32,80}
      | [MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}(?![A-Za-z0-9_-])
      # Google
      | AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9])
      | ya29\.[A-Za-z0-9_-]{20,500}
      | GOCSPX-[A-Za-z0-9_-]{24,40}
      | 1//0[A-Za-z0-9_-]{30,200}
      # Microsoft: storage and service bus keys, shared access signatures, application secrets
      | (?:AccountKey|SharedAccessKey|SharedSecretValue)=[A-Za-z0-9+/]{40,128}={0,2}
      # Payment: Stripe, Square, PayPal, Shopify
      | (?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{16,255}
      | whsec_[A-Za-z0-9+/=]{24,128}
      | (?:sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,60}|EAAA[A-Za-z0-9_-]{56,64}(?![A-Za-z0-9_-]))
      | access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}
      | shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}
      # Messages: Twilio, SendGrid, Mailgun, Mailchimp, Brevo
      | (?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])
      | SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}
      | key-[0-9a-f]{32}(?![A-Za-z0-9])
      | [0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])
      | xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}
      # Models: OpenAI, Anthropic and the like; Hugging Face, Replicate, Groq, Perplexity, xAI
      | sk-(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{20,255}
      | (?:hf|api_org)_[A-Za-z0-9]{30,64}(?![A-Za-z0-9])
      | r8_[A-Za-z0-9]{37,40}(?![A-Za-z0-9])
      | (?:gsk|xai|nvapi|pplx|csk)[_-][A-Za-z0-9_-]{40,128}
      # Registries and hosts
      | (?:npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,500}|rubygems_[a-f0-9]{48}
        |dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,40})
      | do[opr]_v1_[a-f0-9]{64}
      | fo1_[A-Za-z0-9_-]{43}
      | FlyV1\s[A-Za-z0-9+/=,_-]{60,600}
      | HRKU-[A-Za-z0-9_-]{36,64}
      | nfp_[A-Za-z0-9]{36,40}
      | [A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}
      | dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{40,60}
      | hv[sb]\.[A-Za-z0-9_-]{24,200}
      # Other services
      | dapi[a-f0-9]{32}(?:-\d)?(?![A-Za-z0-9])
      | gl(?:sa|c)_[A-Za-z0-9_+/=-]{32,200}
      | NRAK-[A-Z0-9]{27}
      | sntry[su]_[A-Za-z0-9_+/=-]{40,250}
      | (?:secret|ntn)_[A-Za-z0-9]{43,50}(?![A-Za-z0-9])
      | pat[A-Za-z0-9]{14}\.[a-f0-9]{64}
      | lin_api_[A-Za-z0-9]{40}
      | fig[dor]_[A-Za-z0-9_-]{38,60}
      | PMAK-[a-f0-9]{24}-[a-f0-9]{34}
      | AGE-SECRET-KEY-1[A-Z0-9]{58}
      | sbp_[a-f0-9]{40}
      | rag_[A-Za-z0-9_-]{32,128}
    )
    | https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,120}
    | https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks/\d{15,22}/[A-Za-z0-9_-]{50,100}
    | (?<![\d:])\d{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])
    | https://[a-z0-9-]{1,60}\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{60,200}
    | (?<=[?&;"'\s])sig=[A-Za-z0-9%+/_-]{40,120}(?:%3D|=){0,2}
    | (?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])
    | (?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,4000}
    """,
    re.VERBOSE,
)
CONNECTION = re.compile(
    r"(?<![a-z0-9])[a-z][a-z0-9+.:-]{1,32}://[^\s:/@\[\]<>]{0,128}:(?P<value>[^\s@/\[\]<>{}$]{1,128})@(?=[\w.\[-])",
    re.IGNORECASE,
)
"""``scheme://user:password@host``, of databases, queues and pages alike."""
PARAMETER = re.compile(
    r"(?<=[?&;,:\s\"'])(?:password|passwd|pwd|user ?key|sslpassword|_authToken|_auth|_password)[ ]?=[ ]?"
    r"(?P<value>\"[^\"\n]{1,128}\"|'[^'\n]{1,128}'|[^\s;&\"',<>\[\]{}$]{1,128})",
    re.IGNORECASE,
)
"""A password within a connection string (JDBC, ODBC, ADO.NET) or an ``.npmrc``."""
NETRC = re.compile(
    r"\b(?:machine[ \t\n]{1,4}[\w.-]{1,253}|default)[ \t\n]{1,4}login[ \t\n]{1,4}"
    r"[^\s]{1,128}[ \t\n]{1,4}password[ \t]{1,4}(?P<value>[^\s]{1,128})"
)
KUBECONFIG = re.compile(
    r"(?:client-key-data|client-certificate-data|certificate-authority-data|\btoken)[\"']?:"
    r"[ ]{0,4}[\"']?(?P<value>[A-Za-z0-9+/=._-]{40,16384})"
)
BASIC = re.compile(
    r"\b[Aa]uthorization[\"']?[ ]?[:=][ ]?[\"']?(?:Basic|basic|Token|token)[ ]"
    r"(?P<value>[A-Za-z0-9+/=_.-]{8,400})"
)
COMMAND = re.compile(
    r"(?:\bcurl\b[^\n]{0,200}?[ ](?:-u|--user)[ ]?[\"']?[\w.@-]{1,64}:(?P<curl>[^\s\"']{3,128})"
    r"|\b(?:mysql|mysqldump)\b[^\n]{0,200}?[ ]-p(?P<mysql>[^\s\"'-][^\s\"']{2,127})"
    r"|\bsshpass[ ]-p[ ]?[\"']?(?P<ssh>[^\s\"']{3,128}))"
)
