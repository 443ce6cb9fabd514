/** Gemini's `POST /v1beta/models/M:streamGenerateContent` and its kin. */

export const path = /\/models\/[^/]+:(streamGenerateContent|generateContent|countTokens)$/;

export function read({ contents, tools = [] }) {
  const turns = contents.flatMap(({ role, parts = [] }) =>
    parts.flatMap(({ text, functionResponse }) => {
      if (functionResponse) return [{ result: JSON.stringify(functionResponse.response) }];
      return role !== "model" && text !== undefined ? [{ user: text }] : [];
    }),
  );
  return { turns, tools: tools.flatMap((tool) => (tool.functionDeclarations ?? []).map(({ name }) => name)) };
}

export function limit() {
  const violations = [
    { quotaMetric: "generate_requests", quotaId: "GenerateRequestsPerDayPerProjectPerModel" },
  ];
  const error = {
    code: 429,
    status: "RESOURCE_EXHAUSTED",
    message: "You exceeded your current quota.",
    details: [{ "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations }],
  };
  return { headers: {}, body: { error } };
}

export function write({ text, calls = [] }, { generationConfig = {} }, where) {
  const wantsJson = generationConfig.responseMimeType === "application/json";
  const said = wantsJson
    ? JSON.stringify({ reasoning: "", next_speaker: "user", model_choice: "flash" })
    : text;
  const parts = [
    ...(said === undefined ? [] : [{ text: said }]),
    ...(wantsJson ? [] : calls).map(({ name, args }) => ({
      functionCall: { name, args },
      thoughtSignature: "c2lnbmF0dXJl",
    })),
  ];
  const answer = {
    candidates: [{ index: 0, content: { role: "model", parts }, finishReason: "STOP" }],
    usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 20, totalTokenCount: 120 },
    modelVersion: "mock-model",
  };
  return where.includes(":stream") ? [`data: ${JSON.stringify(answer)}\n\n`] : answer;
}
