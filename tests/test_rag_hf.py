"""A local model as LangChain's users meet it. Oracles: single calls, transformers' own generate, texts cut by hand."""

from __future__ import annotations

import asyncio
import gc
import re
import shutil
import threading
from pathlib import Path

import orjson
import pytest
import torch
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from tiny_model import CHATML, NO_SYSTEM, make_model, make_tokenizer
from transformers import AutoModelForCausalLM

from finetuned.pair import Model, Pair
from rag.chat_template import ChatTemplate
from rag.context import context_window, token_counter
from rag.errors import ModelError
from rag.hf_loading import hash_folder
from rag.hf_output import THINK, Reading
from rag.llm import load_llm, model_name

ASKED = [SystemMessage("Answer briefly."), HumanMessage("Does it help?")]
QUESTIONS = [
    [SystemMessage("Answer briefly. " * 5), HumanMessage(f"Does aspirin help {'very much ' * n}?")]
    for n in (1, 5, 40, 2)
]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def chat(folder):
    return load_llm(f"hf:{folder}?max_new_tokens=40")


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def test_invoke_is_what_generate_gives(folder, chat):
    tokenizer = chat.loaded.tokenizer
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    reply = chat.invoke(ASKED)
    text = (
        "<|im_start|>system\nAnswer briefly.<|im_end|>\n<|im_start|>user\nDoes it help?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).to(model.device)
    ids.pop("token_type_ids", None)
    written = model.generate(**ids, max_new_tokens=40, do_sample=False)[0, ids.input_ids.shape[1] :]
    assert reply.text == tokenizer.decode(written, skip_special_tokens=True).strip()
    assert reply.usage_metadata["input_tokens"] == ids.input_ids.shape[1]
    assert reply.usage_metadata["output_tokens"] == len(written) == 40
    assert reply.response_metadata["finish_reason"] == "length"


def test_batch_equals_single_calls_and_runs_in_tensors(chat, monkeypatch):
    singles = [chat.invoke(q).text for q in QUESTIONS]
    sizes, model = [], chat.loaded.model
    generate = model.generate

    def watched(*, input_ids, **keywords):
        sizes.append(len(input_ids))
        return generate(input_ids=input_ids, **keywords)

    monkeypatch.setattr(model, "generate", watched)
    assert [r.text for r in chat.batch(QUESTIONS)] == singles
    assert set(sizes) == {4}
    assert [r.text for r in asyncio.run(chat.abatch(QUESTIONS))] == singles
    assert len(set(singles)) == 4


def test_stream_pieces_are_the_answer(chat):
    for question in QUESTIONS:
        pieces = list(chat.stream(question))
        whole = chat.invoke(question)
        assert "".join(p.text for p in pieces) == whole.text
        assert sum(bool(p.text) for p in pieces) > 3
        assert sum((p.usage_metadata or {}).get("output_tokens", 0) for p in pieces) == 40


def test_leaving_a_stream_stops_the_model(chat):
    stream = chat.stream(QUESTIONS[0], max_new_tokens=900)
    next(stream)
    stream.close()
    gc.collect()
    assert not [t for t in threading.enumerate() if t.name == "clinrag-stream"]
    assert chat.invoke(ASKED).text  # the model is free again


def test_stop_strings_end_and_are_cut(chat):
    free = chat.invoke(ASKED).text
    stop = next(m[0] for m in re.finditer(r"[a-zA-Z]{3}", free) if m.start() > 20)
    stopped = chat.invoke(ASKED, stop=[stop])
    assert stopped.text == free[: free.index(stop)].strip()
    assert stopped.response_metadata["finish_reason"] == "stop"
    assert stopped.usage_metadata["output_tokens"] < 40
    assert "".join(p.text for p in chat.stream(ASKED, stop=[stop])) == stopped.text
    assert [r.text for r in chat.batch([ASKED, ASKED], stop=[stop])] == [stopped.text] * 2


def test_a_special_token_may_be_a_stop_string(chat):
    tokenizer = chat.loaded.tokenizer
    ids = torch.tensor([chat.encode(ASKED)])
    raw = chat.loaded.model.generate(ids, max_new_tokens=40, do_sample=False)[0, ids.shape[1] :].tolist()
    assert tokenizer.pad_token_id in raw  # which this model writes, and which no text shows
    stopped = chat.invoke(ASKED, stop=[tokenizer.pad_token])
    assert stopped.text == tokenizer.decode(raw[: raw.index(tokenizer.pad_token_id)]).strip()


def test_an_added_token_that_decoding_drops_may_be_a_stop_string(chat, monkeypatch):
    """OpenBioLLM's <|eot_id|>: special among the added tokens, but none of `all_special_tokens`."""
    tokenizer = chat.loaded.tokenizer
    kept = [t for t in tokenizer.all_special_tokens if t != tokenizer.pad_token]
    ids = torch.tensor([chat.encode(ASKED)])
    raw = chat.loaded.model.generate(ids, max_new_tokens=40, do_sample=False)[0, ids.shape[1] :].tolist()
    monkeypatch.setattr(type(tokenizer), "all_special_tokens", property(lambda self: kept))
    stopped = chat.invoke(ASKED, stop=[tokenizer.pad_token])
    assert stopped.text == tokenizer.decode(raw[: raw.index(tokenizer.pad_token_id)]).strip()


def test_a_prompt_too_long_fails_alone(chat):
    long = [HumanMessage("word " * 1200)]
    with pytest.raises(ModelError, match=r"has \d+ tokens, .* takes 1024 with its answer: give fewer"):
        chat.invoke(long)
    replies = chat.batch([ASKED, long, ASKED], return_exceptions=True)
    assert isinstance(replies[1], ModelError)
    assert replies[0].text == replies[2].text == chat.invoke(ASKED).text
    assert replies[0].id != replies[2].id
    with pytest.raises(ModelError, match="give fewer"):
        chat.batch([ASKED, long])


def test_answer_shortened_to_the_context_left(chat):
    prompt = [HumanMessage("word " * 200)]
    room = 1024 - len(chat.encode(prompt))
    reply = chat.invoke(prompt, max_new_tokens=5000)
    assert reply.usage_metadata["output_tokens"] == room


def test_callbacks_see_each_run_of_a_batch(chat):
    class Seen(BaseCallbackHandler):
        def __init__(self):
            self.starts, self.ends = 0, []

        def on_chat_model_start(self, serialized, messages, **kwargs):
            self.starts += 1

        def on_llm_end(self, response, **kwargs):
            self.ends.append(response.generations[0][0].text)

    seen = Seen()
    replies = chat.batch(QUESTIONS, {"callbacks": [seen]})
    assert seen.starts == 4
    assert seen.ends == [r.text for r in replies]


def test_says_what_it_reads_and_counts_with_its_own_tokenizer(chat):
    assert context_window(chat) == 1024
    count, by = token_counter(chat)
    assert (count("Does it help?"), by) == (
        len(chat.loaded.tokenizer.tokenize("Does it help?")),
        "the model's tokenizer",
    )


def test_unknown_setting(chat):
    with pytest.raises(ModelError, match="not frequency_penalty"):
        chat.invoke(ASKED, frequency_penalty=1)


def test_name_pins_the_weights(folder, tmp_path):
    same = shutil.copytree(folder, tmp_path / "copy")
    assert hash_folder(same) == hash_folder(folder)
    other = make_model(tmp_path / "other", seed=1)
    assert model_name(load_llm(f"hf:{other}")) == f"hf:other@{hash_folder(other)}"
    assert hash_folder(other) != hash_folder(folder)
    assert model_name(load_llm(f"hf:{other}?load=bfloat16")).endswith("+bfloat16")


# Templates


def test_no_template_is_plain_text(tmp_path):
    chat = load_llm(f"hf:{make_model(tmp_path / 'base', chat_template=None)}?max_new_tokens=4")
    assert chat.template.render(ASKED) == ("Answer briefly.\n\nDoes it help?", True)
    assert chat.invoke(ASKED).response_metadata["chat_template"] == "plain"


def folded(system, user):
    return f"<|im_start|>user\n{system}\n\n{user}<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    "template",
    [NO_SYSTEM, CHATML.replace("{% for m in messages %}", "{% for m in messages if m['role'] != 'system' %}")],
    ids=["refuses", "drops"],
)
def test_system_text_goes_into_the_question(template):
    render = ChatTemplate(make_tokenizer(template)).render
    assert render(ASKED).text == folded("Answer briefly.", "Does it help?")
    assert render([SystemMessage("A."), AIMessage("B.")]).text == (
        "<|im_start|>user\nA.<|im_end|>\n<|im_start|>assistant\nB.<|im_end|>\n<|im_start|>assistant\n"
    )


def test_told_that_there_is_no_system_role(tokenizer):
    assert ChatTemplate(tokenizer, system_role=False).render(ASKED).text == folded("Answer briefly.", "Does it help?")


def test_given_template_gets_the_tokenizers_first_token(tokenizer):
    plain = ChatTemplate(tokenizer, template="{{ messages[0]['content'] }}!").render([HumanMessage("Hm")])
    assert plain == ("Hm!", True)
    own = ChatTemplate(tokenizer, template="{{ bos_token + messages[0]['content'] }}").render([HumanMessage("Hm")])
    assert own == ("<|endoftext|>Hm", False)


def test_template_that_refuses_everything(tokenizer):
    broken = ChatTemplate(tokenizer, template="{{ raise_exception('never') }}")
    with pytest.raises(ModelError, match="refuses the roles system, user: never"):
        broken.render(ASKED)


# Output


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("<think>\nHm.\n</think>\n\nYes.", "<think>\nHm.\n</think>", "Yes."),
        ("<think>cut off", "<think>cut off", ""),
        ("Yes. <think>no</think>", "", "Yes. <think>no</think>"),
        ("  Yes.  STOP no", "", "Yes."),
    ],
)
def test_thinking_apart(text, thinking, answer):
    assert Reading(("STOP",), THINK).split(text) == (thinking, answer)


@pytest.mark.parametrize("thinking", [None, THINK])
@pytest.mark.parametrize(
    "text",
    [
        "<think>\nIs it so?\n</think>\n\nYes, it is so in adults. STOP and more",
        "A plain answer of which nothing is thinking, but which has STO in it and then ends ",
        "Short.",
        "  \n leading space, and a st\u00e4rk end\nSTOP",
    ],
)
def test_streamed_text_only_grows_into_the_answer(text, thinking):
    reading = Reading(("STOP", "more"), thinking)
    whole, sent = reading.split(text)[1], ""
    for end in range(len(text) + 1):
        now = reading.safe(text[:end] + "\ufffd" * (end % 2))
        assert now.startswith(sent)
        sent = now
    assert whole.startswith(sent)


def test_special_tokens_mark_thinking(folder):
    chat = load_llm(f"hf:{folder}?max_new_tokens=30&thinking=strip")
    assert chat.thinking == THINK
    marked = Reading((), r"\A\s*think\n.*?(?:<\|im_start\|>answer\s*|\Z)", ("<|im_start|>",))
    assert marked.split("think\nhm<|im_start|>answer\nYes<|im_start|>") == ("think\nhmanswer", "Yes")
    assert "".join(p.text for p in chat.stream(ASKED)) == chat.invoke(ASKED).text


# Loading


def test_pair_brings_its_format(folder, monkeypatch):
    tuned = Model(
        repo=str(folder), chat_template="Q: {{ messages[0]['content'] }} A:", system_role=False, stop=("zzz",),
        thinking=r"\A## T.*?## A",
    )  # fmt: skip
    pair = Pair("tiny", tuned, None, Model(repo=None), ("sft",))
    monkeypatch.setattr("finetuned.registry.PAIRS", {"tiny": pair})
    chat = load_llm("pair:tiny/tuned?max_new_tokens=5")
    assert chat.template.render(ASKED).text == "Q: Answer briefly.\n\nDoes it help? A:"
    assert (chat.stop, chat.thinking, chat.max_new_tokens) == (("zzz",), r"\A## T.*?## A", 5)
    assert load_llm("pair:tiny/tuned").max_new_tokens == 2048  # room to think and to answer
    assert model_name(chat) == f"pair:tiny/tuned@{hash_folder(folder)}"
    with pytest.raises(ModelError, match="never published"):
        load_llm("pair:tiny/general")
    with pytest.raises(ModelError, match="clinrag models list"):
        load_llm("pair:other/tuned")
    with pytest.raises(ModelError, match="not pair:NAME/tuned"):
        load_llm("pair:tiny")


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # PEFT's call
def test_own_fine_tune_whole_and_as_adapter(folder, chat, tmp_path):
    peft = pytest.importorskip("peft", reason="needs clinrag[train]")
    whole = load_llm(f"run:{folder}?max_new_tokens=40")
    assert whole.invoke(ASKED).text == chat.invoke(ASKED).text
    assert model_name(whole).startswith(f"run:{folder.name}@")
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    torch.manual_seed(0)
    tuned = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), config).eval()
    tuned.save_pretrained(tmp_path / "run" / "adapter")
    loaded = load_llm(f"run:{tmp_path / 'run'}?max_new_tokens=40")
    ids = torch.tensor([chat.encode(ASKED)])
    with torch.inference_mode():
        torch.testing.assert_close(loaded.loaded.model(ids).logits, tuned(ids).logits, rtol=1e-4, atol=1e-3)
    assert loaded.invoke(ASKED).text != chat.invoke(ASKED).text


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("hf:/no/such/folder", "holds no model: no config.json"),
        ("hf:a/b/c", "neither hf:ORG/NAME@REVISION nor hf:/folder"),
        ("hf:/x?bits=4", "'bits' in .* is not NAME=VALUE with one of: load, max_new_tokens"),
        ("hf:/x?load=8bit", "load=8bit in .*: use load=auto or load=4bit"),
        ("hf:/x?max_new_tokens=0", "a whole number from 1 is needed"),
        ("hf:/x?temperature=hot", "a number from 0 is needed"),
        ("run:/no/such/folder", "clinrag train run"),
        ("hf:", "unknown model"),
        ("hf:ourselves/not-there@main", "ourselves/not-there@main.*`hf download ourselves/not-there`"),
    ],
)
def test_what_cannot_be_loaded(spec, says, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=says):
        load_llm(spec)


def test_damaged_weights(folder, tmp_path):
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"cannot load .*broken"):
        load_llm(f"hf:{broken}")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_bytes(orjson.dumps({"peft_type": "LORA"}))
    with pytest.raises(ModelError, match="names no base model"):
        load_llm(f"run:{adapter}")


@pytest.mark.parametrize(("name", "says"), [("GatedRepoError", "is gated: log in"), ("RepositoryNotFoundError", "log")])
def test_gated_models_say_where_to_accept(name, says, monkeypatch):
    import httpx
    from huggingface_hub import errors

    def refuse(*args, **keywords):
        refusal = getattr(errors, name)("403", response=httpx.Response(403, request=httpx.Request("GET", "http://x")))
        raise OSError("You are trying to access a gated repo") from refusal

    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", refuse)
    gated = Model(repo="some/gated", gated=True)
    monkeypatch.setattr("finetuned.registry.PAIRS", {"g": Pair("g", gated, None, gated, ("sft",))})
    with pytest.raises(ModelError, match=says) as caught:
        load_llm("pair:g/tuned")
    assert "https://huggingface.co/some/gated" in str(caught.value)


def test_four_bit_names_the_packages(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install bitsandbytes accelerate"):
        load_llm(f"hf:{folder}?load=4bit")


def test_continuous_batching_needs_a_gpu(folder):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ModelError, match="needs an NVIDIA GPU"):
        load_llm(f"hf:{folder}?batching=continuous")


def test_importing_loads_no_torch():
    import subprocess
    import sys

    code = "import sys, rag.llm, rag.served, rag.spec, rag.openai_server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1]).returncode == 0
